"""HTML: main content, headings, tables, encodings."""

from __future__ import annotations

import pytest

PARAGRAPH = "The cod lives near the ground of cold seas and grows slowly, which is why nets with wide meshes matter. "


def test_small_page(read):
    source = (
        "<html><head><title> Sea \n fish </title><style>x</style></head><body><nav>Menu</nav><header>Top</header>"
        "<h1>Fish<a class='headerlink'>¶</a></h1><p>One <b>two</b>\n three<br>four</p><ul><li>a</li><li>b</li></ul>"
        "<h2>Table</h2><table><tr><th>Port</th><th>Ships</th></tr><tr><td>Emden</td><td>41</td></tr></table>"
        "<pre>x = 1\n  y</pre><script>alert(1)</script><footer>Bottom</footer></body></html>"
    )
    parsed = read(source.encode(), "fish.html")
    assert parsed.title == "Sea fish"
    assert parsed.text == ("Top\n\nFish\n\nOne two three\nfour\n- a\n- b\n\nTable\n\nPort | Ships\nEmden | 41\n\nx = 1\n  y\n\nBottom")
    assert [s.heading for s in parsed.sections] == [("Fish",), ("Fish", "Table")]


def article(wrap: str) -> str:
    menu = "".join(f"<li><a href='/p{i}'>Topic number {i} of the shop</a></li>" for i in range(80))
    body = "".join(f"<h2>Part {i}</h2><p>{PARAGRAPH * 3}</p>" for i in range(6))
    return (
        f"<html><head><title>Cod</title></head><body><div class='menu'><ul>{menu}</ul></div>"
        f"<{wrap}><h1>Cod</h1>{body}</{wrap}><div class='footer'>Imprint and privacy</div></body></html>"
    )


@pytest.mark.parametrize("wrap", ["main", "article", "div class='content' id='content'"])
def test_menus_go_and_headings_stay(read, wrap):
    parsed = read(article(wrap).encode(), "cod.html")
    assert "Topic number" not in parsed.text
    assert parsed.text.count(PARAGRAPH.strip()) == 18
    headings = [s.heading[-1] for s in parsed.sections]
    assert [h for h in headings if h.startswith("Part")] == [f"Part {i}" for i in range(6)]


def test_layout_tables_are_read_as_blocks(read):
    source = "<table><tr><td><p>One.</p><p>Two.</p><p>Three.</p></td></tr></table>"
    assert read(source.encode(), "a.html").text == "One.\n\nTwo.\n\nThree."


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1251", "utf-16"])
def test_declared_encodings(read, encoding):
    words = "Größe" if encoding != "windows-1251" else "Привет"
    source = f"<html><head><meta charset='{encoding}'></head><body><p>{words}</p></body></html>"
    assert read(source.encode(encoding), "a.html").text == words


def test_deep_nesting_ends(read):
    parsed = read(b"<div>" * 50_000 + b"text" + b"</div>" * 50_000, "a.html")
    assert parsed.text in {"text", ""}
