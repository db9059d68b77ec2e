"""E-mail: headers, body, attachments."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError
from rag.loaders.results import Failed


def test_message_and_attachments(read_all, maker):
    data = maker.eml({"list.csv": b"ship,flag\nGretel,DE\n", "photo.png": b"\x89PNG", "inner.eml": maker.eml()})
    mail, *rest = read_all(data, "m.eml")
    assert mail.title == "Träume"
    assert mail.text == (
        "From: Ada <ada@example.org>\nTo: bob@example.org\nDate: Tue, 02 Jan 2024 03:04:05 +0000\n\n"
        "See the attached sheet.\n\nAda"
    )
    assert mail.metadata["from"] == "Ada <ada@example.org>"
    assert [(i.member, getattr(i, "text", "")) for i in rest] == [
        ("list.csv", "ship: Gretel | flag: DE"),
        ("photo.png", ""),
        ("inner.eml", mail.text),
    ]
    assert isinstance(rest[1], Failed)
    assert rest[1].reason_class == "type"
    assert rest[0].type == "csv"


def test_html_only_and_unknown_charset(read):
    data = b"Subject: x\nContent-Type: text/html; charset=klingon\n\n<h1>Hi</h1><p>caf\xe9 au lait</p>"
    assert read(data, "m.eml").text == "Hi\n\ncafé au lait"


def test_utf16_file(read, maker):
    assert read(maker.eml().decode().encode("utf-16"), "m.eml").title == "Träume"


@pytest.mark.parametrize("data", [b"just words", b"\n\n", b"X-Other: 1\n\nbody"])
def test_no_message(read, data):
    with pytest.raises(LoadError, match="no headers"):
        read(data, "m.eml")


def test_broken_headers_do_not_stop_it(read):
    assert "body" in read(b"From: \xff\xfe<@\nDate: [\nSubject: =?x?q?=?=\nTo: a@b\n\nbody", "m.eml").text
