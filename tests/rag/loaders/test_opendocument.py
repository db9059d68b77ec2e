"""ODT: headings, lists, tables."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_document(read, maker):
    parsed = read(maker.odt(), "tides.odt")
    assert parsed.title == "Tides"
    assert parsed.text == "Tides\n\nHigh water twice a day.\n- spring tide\n- neap tide\n\nMoon | full"
    assert {s.heading for s in parsed.sections} == {("Tides",)}


def test_encrypted(read, maker):
    data = maker.zip({"content.xml": "x", "META-INF/manifest.xml": "<m><encryption-data/></m>"})
    with pytest.raises(LoadError, match="password") as error:
        read(data, "a.odt")
    assert error.value.reason == "encrypted"
