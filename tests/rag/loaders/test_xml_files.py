"""XML: text, and nothing from outside."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_records(read):
    source = (
        b'<?xml version="1.0" encoding="latin1"?><ports><title>Harbours</title><port note="deep and wide"><name>K\xf6ge'
        b"</name><depth>7</depth></port><port><name>Kiel</name><text>Some <b>bold</b> words</text></port></ports>"
    )
    parsed = read(source, "p.xml")
    assert parsed.title == "Harbours"
    assert parsed.text == "title: Harbours\n\nnote: deep and wide\nname: Köge\ndepth: 7\n\nname: Kiel\nSome bold words"


def test_escaped_html_in_feeds_is_read_as_html(read):
    source = b"<rss><item><d>&lt;p&gt;One &lt;a href='x'&gt;two&lt;/a&gt;&lt;/p&gt;</d></item></rss>"
    assert read(source, "f.xml").text == "d: One two"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("gb2312", "gbk", "喆"),
        ("iso-8859-1", "cp1252", "5 €"),
        ("utf-8", "cp1252", "Fähre – Größe"),
        ("utf-16", "utf-16", "Fähre"),
    ],
)
def test_the_declared_encoding_is_doubted(read, declared, encoding, text):
    source = f'<?xml version="1.0" encoding="{declared}"?><a><b>{text}</b></a>'.encode(encoding)
    assert read(source, "a.xml").text == f"b: {text}"


def test_external_entities_are_not_read(read, tmp_path):
    canary = tmp_path / "canary.txt"
    canary.write_text("CANARY")
    source = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{canary}">]><a><b>before &x; after</b></a>'
    assert read(source.encode(), "x.xml").text == "b: before after"


def test_external_dtds_are_not_read(read, tmp_path):
    dtd = tmp_path / "evil.dtd"
    dtd.write_text('<!ENTITY x "CANARY">')
    source = f'<!DOCTYPE a SYSTEM "file://{dtd}"><a><b>before &x; after</b></a>'
    assert read(source.encode(), "x.xml").text == "b: before after"


def test_billion_laughs_stay_small(read):
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    source = f'<!DOCTYPE a [<!ENTITY l0 "ha">{levels}]><a><b>joke &l9; end</b></a>'
    with pytest.raises(LoadError, match="amplification"):
        read(source.encode(), "x.xml")


def test_deep_nesting_is_refused(read):
    with pytest.raises((LoadError, RecursionError)):
        read(b"<a>" * 100_000 + b"x" + b"</a>" * 100_000, "x.xml")
