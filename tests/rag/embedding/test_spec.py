"""Specs of embedders."""

from __future__ import annotations

import pytest

from rag.embedding.spec import MemberSpec, members
from rag.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("minilm", [MemberSpec("minilm")]),
        ("minilm + e5:weight=2", [MemberSpec("minilm"), MemberSpec("e5", 2)]),
        ("a:dim=64,weight=0.5+b:dim=8", [MemberSpec("a", 0.5, 64), MemberSpec("b", 1, 8)]),
        ("a:dim=64:weight=2", [MemberSpec("a", 2, 64)]),
        ("mine:size=3", [MemberSpec("mine:size=3")]),  # another package's options are its own
    ],
)
def test_specs_are_read(text, want):
    assert members(text) == want
    assert members("+".join(map(str, want))) == want


def test_a_folder_is_a_folder_whatever_its_name(tmp_path, monkeypatch):
    (tmp_path / "a+b:dim=3").mkdir()
    monkeypatch.chdir(tmp_path)
    assert members("a+b:dim=3") == [MemberSpec("a+b:dim=3")]


@pytest.mark.parametrize("text", ["a+", "+a", "a++b", "a:dim=x", "a:dim=1,dim=2", "a:weight=1,size=3", "a:dim=1.5"])
def test_nonsense_is_refused(text):
    with pytest.raises(InvalidInput):
        members(text)
