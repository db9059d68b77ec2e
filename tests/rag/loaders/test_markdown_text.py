"""Markdown: exact text, sections, titles, metadata; linear time."""

from __future__ import annotations

import pytest
from timing import grows_less

from rag.loaders.formats import ParseContext
from rag.loaders.markdown_text import parse


def test_text_sections_title_and_metadata(read):
    source = (
        "---\ntitle: Kelp forests\ntags: [sea, plants]\ndate: 2024-05-06\ndepth: 12\nnested: {a: 1}\n---\n"
        "Intro [link](http://x.org/a_(b)) and **bold** text.\n\n# Growth #\n\nKelp `a*b*` grows <b>fast</b>.\n\n"
        "```python\n# not a heading\nx = [1](2)\n```\n\nUse\n---\n\n- eat\n- burn\n\n## C#\n\nend\n"
    )
    parsed = read(source.encode(), "kelp.md")
    assert parsed.title == "Kelp forests"
    assert parsed.metadata == {"tags": ["sea", "plants"], "date": "2024-05-06", "depth": 12, "nested.a": 1}
    assert parsed.text == (
        "Intro link and bold text.\n\n# Growth\n\nKelp `a*b*` grows fast.\n\n"
        "```python\n# not a heading\nx = [1](2)\n```\n\n## Use\n\n- eat\n- burn\n\n## C#\n\nend"
    )
    shown = [(s.heading, parsed.text[s.start : s.end].partition("\n")[0]) for s in parsed.sections]
    assert shown == [
        (("Growth",), "# Growth"),
        (("Growth", "Use"), "## Use"),
        (("Growth", "C#"), "## C#"),
    ]
    assert parsed.sections[-1].end == len(parsed.text)


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("text only", "some page"),
        ("## Two\n\n# One", "Two"),
        ("---\ntitle: [x\n---\n# A", "A"),
        ("Title\n=====\n", "Title"),
    ],
)
def test_title_comes_from_the_first_heading_else_the_file_name(read, source, title):
    assert read(source.encode(), "some-page.md").title == title


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[![badge](b.svg)](http://x)", "badge"),
        ("see [the\nmanual](m.md) now", "see the\nmanual now"),
        ("__init__ in `__init__`", "init in `__init__`"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("# x { #anchor }", "# x"),
        ("<https://a.org/b>", "https://a.org/b"),
        ("a &lt; b &amp; c", "a < b & c"),
        ("[not a link] (x)", "[not a link] (x)"),
    ],
)
def test_inline_marks_go_and_words_stay(read, source, expected):
    assert read(source.encode(), "a.md").text == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("!!! Mind the second step", "Mind the second step"),
        ("!!! danger: the lid is hot", "danger: the lid is hot"),
        ('!!! note "Before you *dive*"', 'note "Before you dive"'),
        ('??? tip "Two tides"\n    Ebb and *flow*.', "Two tides\nEbb and flow."),
        ('!!! tip "Two tides"\n\n    Ebb and *flow*.\n\n    - moon\n', "Two tides\n\nEbb and flow.\n\n- moon"),
        ("::: warning\nNo diving.\n:::", "warning\nNo diving."),
        ("::::: Ask Olga first", "Ask Olga first"),
        ("/// Ask Olga | then Per", "Ask Olga | then Per"),
        ('=== "Linux"\n\n    Use *apt*.', "Linux\n\nUse apt."),
        ('{% callout type="x" %}The red lamp is off.{% endcallout %}', "The red lamp is off."),
        ("{! head !} Both lamps {! tail !}", "Both lamps {! tail !}"),
        ("{* one *} Oars in {* two *}", "Oars in"),
    ],
)
def test_what_looks_like_a_directive_keeps_its_words(read, source, expected):
    assert read(source.encode(), "a.md").text == expected


@pytest.mark.parametrize(
    "source",
    [
        "[Olga]: Yes.\n[Per]: No.\n[Olga]: Why?",
        "[Price]: 9.50\n[Tide]: 4/5",
        "[08:30]:\nNoon.",
        "- [key]: hut",
        "1. [key]: hut",
        "[3]: Lind, A. (2020). Sills. Quay Press.",
    ],
)
def test_what_looks_like_a_link_definition_keeps_its_words(read, source):
    assert read(source.encode(), "a.md").text == source


def test_link_definitions_and_front_matter_are_markup(read):
    parsed = read(
        b'+++\ntitle = "Sill"\nyear = 2024\n+++\n[a][x] [b][y z]\n\n[x]: https://e.org "T"\n[y z]: dir/page\n', "a.md"
    )
    assert (parsed.title, parsed.text, parsed.metadata) == ("Sill", "a b", {"year": 2024})
    assert parsed.account.left_out["markup"] > 0
    assert parsed.account.unaccounted == 0


def test_footnotes_are_parted_from_words_and_kept(read):
    parsed = read(b"Twice a day[^1].\n\n[^1]: Save on *Sundays*.\n[^unused]: Left over.\n", "a.md")
    assert parsed.text == "Twice a day [1].\n\n[1] Save on Sundays.\n\n[unused] Left over."


def test_tables_have_columns(read):
    parsed = read(b"# Fees\n\n| Boat | *Fee* |\n|---|--:|\n| Canoe \\| raft | `10` |\n\nEnd.\n", "a.md")
    assert parsed.text == "# Fees\n\nBoat | Fee\nCanoe | raft | `10`\n\nEnd."
    assert [(s.columns, parsed.text[s.start : s.end]) for s in parsed.sections][1] == (
        "Boat | Fee",
        "Boat | Fee\nCanoe | raft | `10`",
    )


def test_html_is_read_as_html(read):
    source = (
        "<p>One</p><p>Two</p>\n\n<table>\n<tr><th>Day</th><th>Open</th></tr>\n<tr><td rowspan=2>Sat<br>Sun</td>"
        "<td>9</td></tr>\n\n<tr><td>17</td></tr></table>\n\nLow<br>tide 10<sup>6</sup> H<sub>2</sub>O, cp <file> here"
        " <b>now</b>\n\n<!-- not\n\nshown --><img alt='A gull' src=x>\n"
    )
    parsed = read(source.encode(), "a.md")
    assert parsed.text == (
        "One\n\nTwo\n\nDay | Open\nSat Sun | 9\nSat Sun | 17\n\nLow\ntide 10^6 H2O, cp <file> here now\n\nA gull"
    )
    assert parsed.account.left_out["hidden"] == 2


def test_code_and_nested_lists_stay_as_they_are(read):
    source = "1. one\n   - a `x  y`\n   - [ ] b\n2. two\n\n       cd  x\n\n~~~ sh\n[a]: b {* c *}\n~~~\n"
    assert read(source.encode(), "a.md").text == (
        "1. one\n  - a `x y`\n  - [ ] b\n2. two\n\n    cd  x\n\n```sh\n[a]: b {* c *}\n```"
    )


def test_site_generator_marks_are_no_text(read):
    source = "/// tip | Careful\n\nWatch out.\n\n///\n\n{* ../src/a.py hl[3] *}\n\n<!-- hidden\n\nwords -->\n\nEnd.\n"
    assert read(source.encode(), "a.md").text == "Careful\n\nWatch out.\n\nEnd."


@pytest.mark.parametrize(
    "pattern", ["[", "[a](", "*", "**a ", "_a", "`", "<a ", "<!--", "{#", "# ", "```\n", "---\n", "a "]
)
def test_time_grows_linearly(pattern):
    def read_in(n: int) -> None:
        list(parse((pattern * (n // len(pattern))).encode(), ParseContext("a.md", "md")))

    grows_less(read_in, 20_000, 200_000, than=30)
