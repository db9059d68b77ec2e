"""Jupyter notebooks."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_cells(read, seeds):
    parsed = read(seeds["notebook.ipynb"], "n.ipynb")
    assert parsed.title == "Counting"
    assert parsed.text == "# Counting\n\nWe count.\n\n```python\nprint(1)\n```"
    assert [s.heading for s in parsed.sections] == [("Counting",)]


@pytest.mark.parametrize("source", [b"{}", b"[1]", b"{", b'{"cells": [3]}'])
def test_broken(read, source):
    with pytest.raises(LoadError, match="not a readable notebook"):
        read(source, "n.ipynb")
