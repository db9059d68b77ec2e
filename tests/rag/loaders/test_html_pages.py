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
    assert parsed.text == (
        "Top\n\nFish\n\nOne two three\nfour\n- a\n- b\n\nTable\n\nPort | Ships\nEmden | 41\n\nx = 1\n  y\n\nBottom"
    )
    assert list(dict.fromkeys(s.heading for s in parsed.sections)) == [("Fish",), ("Fish", "Table")]
    assert parsed.account.left_out == {"navigation": 1}


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


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "<button>Where is the pier?</button><div hidden>Behind the church.</div>",
            "Where is the pier?\n\nBehind the church.",
        ),
        ("<form><p>Dogs on leads.</p></form><aside>Ring twice.</aside>", "Dogs on leads.\n\nRing twice."),
        ("<footer>Tel. 0481 55</footer><dialog>Mind the gap.</dialog>", "Tel. 0481 55\n\nMind the gap."),
        ("<h2>Two<br>Piers</h2><dl><dt>Sill</dt><dd>A bar.</dd></dl>", "Two Piers\n\nSill\nA bar."),
        ("<a href=a>East</a><a href=b>West</a> <label>Name</label><label>Age</label>", "East West Name Age"),
        ("<pre>a\n  b<br>c<div>d</div>e</pre>", "a\n  b\nc\nd\ne"),
        ("<ol start=4><li>d<ul><li>e</li></ul></li><li>f</li></ol>", "4. d\n  - e\n5. f"),
        (
            "<p>5<sup>2</sup> 1<sup>st</sup> CO<sub>2</sub> x<sup>n+1</sup> 10<sup>-9</sup></p>",
            "5^2 1st CO2 x^(n+1) 10^-9",
        ),
        ("<p>sea<sup><a href='#n'>3</a></sup> and <sup>[4]</sup></p>", "sea [3] and [4]"),
        ("<p>a<script>1</script>b<style>2</style><noscript>3</noscript></p>", "ab"),
        ("<img src=x alt='A red pier'><svg><text>5</text></svg>", "A red pier"),
        ("<ruby>\u6f22<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "\u6f22"),
        ("<p>a 10<span style='vertical-align: super'>6</span> b</p>", "a 10^6 b"),
        ("<p><span style='display:block'>Sluice</span><span style='display:block'>Weir</span></p>", "Sluice\n\nWeir"),
        (
            "<p>H<sub>3</sub>O<sup>+</sup>, 3<sup>1</sup>/<sub>2</sub> feet, Oar<sup>\u00ae</sup></p>",
            "H3O+, 3 1/2 feet, Oar\u00ae",
        ),
        ("<dt><input type=button value='Who swims?'></dt><dd>Ida.</dd>", "Who swims?\nIda."),
        ("<label>Town</label><input value='Visby'><input type=hidden value=7>", "Town Visby"),
        ("<textarea>Terms of use.</textarea>", "Terms of use."),
        ("<math><msup><mn>10</mn><mn>6</mn></msup> <mfrac><mn>1</mn><mn>2</mn></mfrac></math>", "10^6 1/2"),
        ("<math><msubsup><mi>x</mi><mn>2</mn><mi>n+1</mi></msubsup></math>", "x2^(n+1)"),
        ("<math><msqrt><mi>a</mi><mi>b</mi></msqrt><annotation>x_2</annotation></math>", "\u221a(ab)"),
    ],
)
def test_words_stay_and_stay_apart(read, body, expected):
    assert read(f"<html><body>{body}</body></html>".encode(), "a.html").text == expected


TABLE = (
    "<table><caption>Fees</caption><thead><tr><th rowspan=2>Boat</th><th colspan=2>Fee</th></tr><tr><th>day</th>"
    "<th>week</th></tr></thead><tr><td rowspan=2>Canoe<br>Raft</td><td><p>3</p><p>1</p></td><td>9</td></tr>"
    "<tr><td><ul><li>4</li><li>5</li></ul></td><td></td></tr></table>"
)


def test_tables_fill_what_spans_and_know_their_columns(read):
    parsed = read(TABLE.encode(), "a.html")
    assert parsed.text == ("Fees\n\nBoat | Fee\nBoat | day | week\nCanoe Raft | 3 1 | 9\nCanoe Raft | 4 5")
    (section,) = [s for s in parsed.sections if s.table]
    assert section.columns == "Boat | Fee day | Fee week"
    assert parsed.account.unaccounted == 0


@pytest.mark.parametrize(
    ("rows", "columns"),
    [("<tr><td>Boat<td>Fee<tr><td>Canoe<td>10", "Boat | Fee"), ("<tr><td>Raft<td>4<tr><td>Canoe<td>10", "")],
)
def test_a_first_row_of_words_over_numbers_names_the_columns(read, rows, columns):
    (section,) = read(f"<table>{rows}</table>".encode(), "a.html").sections
    assert section.columns == columns


def test_hostile_spans_stay_small(read):
    source = "<table>" + "<tr><td rowspan=99999 colspan=99999>x" * 300 + "</table>"
    assert len(read(source.encode(), "a.html").text) < 1_000_000


def test_a_page_that_is_a_menu_is_read(read):
    links = "".join(f"<li><a href=/{i}>Report {i}</a>" for i in range(200))
    assert "Report 199" in read(f"<body><ul>{links}</ul></body>".encode(), "a.html").text


def test_deep_nesting_ends(read):
    parsed = read(b"<div>" * 50_000 + b"text" + b"</div>" * 50_000, "a.html")
    assert parsed.text in {"text", ""}
