"""Sentences: exact cases, spans that cover the text, linear time."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from timing import grows_less

from rag.sentences import sentences

# One line each; § marks where a sentence ends.
CASES = """\
Mr. Smith met Dr. Jones.§They talked.
He lives in the U.S.§The house is big.
The U.S. Senate voted.§It passed.
It costs 3.5 million.§That is a lot.
Wait... what?§Yes!
He said "Go."§Then he left.
J. R. R. Tolkien wrote it.§Good.
Use e.g. Foo or i.e. Bar.§Done.
In 2004.§621,200 of Kenyans are Orthodox.
See Fig. 3 and No. 5 of vol. 2.§Next.
He said no.§Then he left.
今日は晴れ。§明日は雨！§「はい。」と言った。§終わり
(It was late.)§He slept.
Smith et al. found it.§Jones (2001) did not.
Bought from Acme Inc. in May.§Good.
Vitamin C.§The dose.
Vitamin C. Nonpharmacologic§
1. First.§Second.
Foo.[12]§Bar.[note 3]§Baz.[citation needed]§End.
At 5 p.m. Monday we met.§At 5 p.m.§We left.
It kills cells.§p53 is a gene.§mRNA too.
यह एक वाक्य है।§दूसरा।
مرحبا.§كيف حالك؟§جيد.
Am 3. Oktober kam er.§Gut.
Use Node.js.§It works on fastapi.FastAPI.
She asked, "Why?" and left.§"No!" he said.
Born c. 1500.§The GDP (c. EUR 23) fell.
George W. Bush won.§John F. Kennedy did.§So did I.§He left.
It is version 2.0.§It works.
¿Qué es?§Es esto.§¡Hola!§Sí.
Washington, D.C. is it.§In Washington, D.C. Congress met.
The end.”§“Next one.”§Last.
He paid $5.§$6 was left.§50% is half.
Really?!§Yes!!!§No…§Maybe.
He counted 1... 2... 3.§Go.
See p. 45, pp. 3-5.§OK.
Within 30 min.§The rest (max. 6.5 m) stays.
In (1991) J. Biol. Chem. 266, 1244.§New.
JAMA. 2000;284:993-1000
An interval of 0.15 kg to 0. 32 kg.§Good.
Use `a.b`.§`get` is it.
End of line.Next one here."""
WRONG_BY_RULE = {"Vitamin C. Nonpharmacologic§": ["Vitamin C.", "Nonpharmacologic"]}


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize("case", CASES.split("\n"))
def test_where_sentences_end(case: str) -> None:
    want = WRONG_BY_RULE.get(case, case.split("§"))
    joined = "".join(part + ("" if part[-1:] in "。！" else " ") for part in case.split("§")).strip()
    assert split(joined) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("# Title\nText here\nand more.\n\n- one\n", ["# Title", "Text here\nand more.", "- one"]),
        ("* one\n* two. Three\n  goes on\n1. a", ["* one", "* two.", "Three\n  goes on", "1. a"]),
        ("| a | b |\n|---|---|\n| c. D | d |", ["| a | b |", "|---|---|", "| c. D | d |"]),
        ("Name | Age\nBob. B | 3", ["Name | Age", "Bob. B | 3"]),
        ("Title\n=====\nWrapped at a\nline. Next.", ["Title\n=====", "Wrapped at a\nline.", "Next."]),
        ("```py\nx = 1. \nY\n\nz\n```\nafter", ["```py\nx = 1. \nY", "z\n```", "after"]),
        ("```\nnever closed. Yes.", ["```", "never closed.", "Yes."]),
        ("Preface\nIt is a line that goes on to see\nObama.", ["Preface", "It is a line that goes on to see\nObama."]),
        ("Use `a | b` here. Then\nfoo | bar", ["Use `a | b` here.", "Then", "foo | bar"]),
        ("Oxygen is O\n2 and water is H\n2O. Yes.", ["Oxygen is O\n2 and water is H\n2O.", "Yes."]),
        ("one\n \t\ntwo\fthree", ["one", "two", "three"]),
        ("", []),
        (" \n\t ", []),
        ("...", ["..."]),
    ],
)  # fmt: skip
def test_lines_that_stand_alone(text: str, want: list[str]) -> None:
    assert split(text) == want


PIECES = [
    *'Ab1()。…😀\n\f"',
    ". ",
    "! ",
    " ",
    "\n\n",
    "- ",
    "# ",
    "| ",
    "```\n",
    "Mr.",
    "e\u0301",
    "\u200b",
    "שלום",
    "\x1c",
]
pieces = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@given(st.one_of(pieces, st.text(max_size=100)))
def test_spans_are_ordered_stripped_and_cover_the_text(text: str) -> None:
    done = 0
    for start, end in sentences(text):
        assert not text[done:start].strip()
        assert start < end
        assert text[start:end] == text[start:end].strip()
        done = end
    assert not text[done:].strip()


SHAPES = [
    *[
        ".",
        "!",
        "a.",
        "a. ",
        "A. ",
        "\n",
        "a\n",
        " ",
        "(.",
        "(. ",
        "! (",
        "```\n",
        "- a\n",
        '."',
        "。",
        "x",
        "[1]",
        ".[",
    ],
    *["\n \n", "<", "<>", "`", "=\n", "| ", "\u0301", ". \n", '. "', "a b ", " | ", "a | "],
]


@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_linear(shape: str) -> None:
    grows_less(lambda n: sentences(shape * (n // len(shape))), 20_000, 200_000, than=40, least=0.0075)
