"""Frames: any cut of the stream gives the same messages."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from rag.loaders.frames import Unpacker, pack

MESSAGES = st.lists(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=3), max_size=5
)


@given(MESSAGES, st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_any_cut(messages, cuts):
    stream = b"".join(map(pack, messages))
    unpacker, got, i = Unpacker(), [], 0
    while stream:
        size = cuts[i % len(cuts)]
        i += 1
        got += unpacker.feed(stream[:size])
        stream = stream[size:]
    assert got == messages


def test_surrogate_escapes_come_through():
    assert list(Unpacker().feed(pack({"path": "a\udcff"}))) == [{"path": "a\udcff"}]


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01x", b"\x00\x00\x00\x02[]"])
def test_nonsense_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        list(Unpacker().feed(data))
