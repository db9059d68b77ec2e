"""RTF."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_text_title_and_code_page(read, seeds):
    parsed = read(seeds["note.rtf"], "note.rtf")
    assert parsed.title == "Fog"
    assert parsed.text == "Fog over the ä quay.\n\nSecond line."


def test_not_rtf(read):
    with pytest.raises(LoadError, match="not RTF"):
        read(b"plain words", "a.rtf")
