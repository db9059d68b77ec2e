"""EPUB: chapters in the order of the spine."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_book(read, maker):
    parsed = read(maker.epub(), "book.epub")
    assert (parsed.title, parsed.metadata) == ("The Lighthouse", {"author": "A. Keeper"})
    assert parsed.text == "Dusk\n\nThe lamp is lit.\n\nDawn\n\nThe lamp goes out."
    assert [(s.heading, s.page) for s in parsed.sections] == [(("Dusk",), 1), (("Dawn",), 2)]


def test_no_package(read, maker):
    with pytest.raises(LoadError, match=r"META-INF/container\.xml is missing"):
        read(maker.zip({"a.xhtml": "<p>x</p>"}), "a.epub")
