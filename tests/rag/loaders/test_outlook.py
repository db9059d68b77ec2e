"""MSG: Outlook's messages become mails."""

from __future__ import annotations

import struct

import pytest
from compound_files import compound

from rag.loaders.errors import LoadError
from rag.loaders.results import Parsed


def test_message(read_all):
    headers = "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nDate: Tue, 02 Jan 2024 03:04:05 +0100\r\n\r\n"
    texts = {0x001A: "IPM.Note", 0x0037: "Ferry times", 0x1000: "The ferry sails at nine.", 0x007D: headers}
    streams = {f"__substg1.0_{key:04X}001F": text.encode("utf-16-le") for key, text in texts.items()}
    rows = [struct.pack("<IIII", key << 16 | 0x1F, 6, 2 * len(text) + 2, 0) for key, text in texts.items()]
    streams["__properties_version1.0"] = bytes(32) + b"".join(rows)
    (parsed,) = read_all(compound(streams), "a.msg")
    assert isinstance(parsed, Parsed)
    assert parsed.title == "Ferry times"
    assert "The ferry sails at nine." in parsed.text
    assert parsed.metadata["from"] == "Ann <ann@example.org>"
    assert parsed.metadata["date"] == "2024-01-02T03:04:05+01:00"


def test_broken(read_all):
    with pytest.raises(LoadError, match="not a readable MSG"):
        read_all(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.msg")
