"""MSG: Outlook's messages become mails."""

from __future__ import annotations

import struct

import pytest
from compound_files import compound

from rag.loaders.errors import LoadError
from rag.loaders.results import Parsed

BODY, HTML, RTF = 0x1000, 0x1013, 0x1009


def _msg(texts: dict[int, str | bytes]) -> bytes:
    headers = "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nDate: Tue, 02 Jan 2024 03:04:05 +0100\r\n\r\n"
    streams, rows = {}, []
    for key, text in {0x001A: "IPM.Note", 0x0037: "Ferry times", 0x007D: headers, **texts}.items():
        kind, data = (0x1F, text.encode("utf-16-le")) if isinstance(text, str) else (0x102, text)
        streams[f"__substg1.0_{key:04X}{kind:04X}"] = data
        rows.append(struct.pack("<IIII", key << 16 | kind, 6, len(data) + 2 * (kind == 0x1F), 0))
    streams["__properties_version1.0"] = bytes(32) + b"".join(rows)
    return compound(streams)


def test_message(read_all):
    (parsed,) = read_all(_msg({BODY: "The ferry sails at nine."}), "a.msg")
    assert isinstance(parsed, Parsed)
    assert parsed.title == "Ferry times"
    assert "The ferry sails at nine." in parsed.text
    assert parsed.metadata["from"] == "Ann <ann@example.org>"
    assert parsed.metadata["date"] == "2024-01-02T03:04:05+01:00"


def test_html_beside_the_text_is_accounted_for(read_all):
    (parsed,) = read_all(_msg({BODY: "The ferry sails.", HTML: b"<p>The <b>ferry</b> sails.</p>"}), "a.msg")
    assert parsed.text.endswith("\n\nThe ferry sails.")
    assert parsed.account.left_out == {"duplicated": 3}
    assert not parsed.account.unaccounted


def test_only_html(read_all):
    (parsed,) = read_all(_msg({HTML: "<p>F\u00e4hre um <b>neun</b></p>".encode("cp1252")}), "a.msg")
    assert parsed.text.endswith("\n\nF\u00e4hre um neun")


@pytest.mark.parametrize("packed", [True, False])
def test_only_rich_text(read_all, packed):
    from compressed_rtf import compress

    rtf = compress(rb"{\rtf1\ansi F\'e4hre um {\b neun}.{\footnote Nicht sonntags.}\par}", compressed=packed)
    (parsed,) = read_all(_msg({RTF: rtf}), "a.msg")
    assert parsed.text.endswith("F\u00e4hre um neun.\n\nNicht sonntags.")


def test_broken(read_all):
    with pytest.raises(LoadError, match="not a readable MSG"):
        read_all(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.msg")
