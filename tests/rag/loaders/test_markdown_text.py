"""Markdown: exact text, sections, titles, metadata; linear time."""

from __future__ import annotations

import pytest
from timing import grows_less

from rag.loaders.formats import ParseContext
from rag.loaders.markdown_text import inline, parse


def test_text_sections_title_and_metadata(read):
    source = (
        "---\ntitle: Kelp forests\ntags: [sea, plants]\ndate: 2024-05-06\ndepth: 12\nnested: {a: 1}\n---\n"
        "Intro [link](http://x.org/a_(b)) and **bold** text.\n\n# Growth #\n\nKelp `a*b*` grows <b>fast</b>.\n\n"
        "```python\n# not a heading\nx = [1](2)\n```\n\nUse\n---\n\n- eat\n- burn\n\n## C#\n\nend\n"
    )
    parsed = read(source.encode(), "kelp.md")
    assert parsed.title == "Kelp forests"
    assert parsed.metadata == {"tags": ["sea", "plants"], "date": "2024-05-06", "depth": 12}
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
def test_inline_marks_go_and_words_stay(source, expected):
    assert inline(source) == expected


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
