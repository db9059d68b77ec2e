"""Account for the words of a file: what its documents hold, what the parser left out and why, and what is missing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..documents.account import Account
from ..documents.document import Metadata
from .crude import CRUDE, crude
from .results import Failed, Parsed

# Scripts without spaces have no words to count but characters.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
_MOST_PIECES = 4
_LONGEST = 40
_WORD = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}_]+")
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff]")


def words(text: str) -> Counter[str]:
    """Count the words of a text, without regard to case, width, ligatures and invisible characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return Counter(_WORD.findall(text.casefold()))


def accounted(data: bytes, kind: str, items: Iterable[Parsed | Failed]) -> Iterator[Parsed | Failed]:
    """Pass on what a parser yields; the last document of its own gets the account of the file.

    Members of archives and attachments of mails are files of their own, each with its own account.
    """
    reading = _Reading(counted=kind in CRUDE)
    waiting: list[Parsed | Failed] = []  # the last document, and failures after it
    for item in items:
        if isinstance(item, Failed):
            waiting.append(item)
            continue
        if item.inner:  # the file's own text is over when members begin
            yield from _closed(waiting, reading, data, kind)
        else:
            yield from waiting
            reading.add(item)
            item = replace(item, left_out={}, remarks=())  # noqa: PLW2901
        waiting = [item]
    yield from _closed(waiting, reading, data, kind)


def _closed(waiting: list[Parsed | Failed], reading: _Reading, data: bytes, kind: str) -> Iterator[Parsed | Failed]:
    for item in waiting:
        if isinstance(item, Failed) or item.inner:
            yield item
        else:
            yield replace(item, account=reading.account(data, kind))


class _Reading:
    """Collects the words that the documents of one file hold and leave out."""

    def __init__(self, *, counted: bool) -> None:
        self._counted = counted
        self._read: Counter[str] = Counter()
        self._fields: Counter[str] = Counter()
        self._left: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._remarks: dict[str, None] = {}

    def add(self, item: Parsed) -> None:
        if self._counted:
            self._read.update(words(item.title))
            self._read.update(words(item.text))
            for text in (item.member, *_shown(item.metadata)):
                self._fields.update(words(text))
        for kind, text in item.left_out.items():
            self._left[kind].update(words(text))
        self._remarks.update(dict.fromkeys(item.remarks))

    def account(self, data: bytes, kind: str) -> Account:
        text = crude(data, kind) if self._counted else None
        remarks = tuple(self._remarks)
        if text is None:
            return Account(0, {k: counts.total() for k, counts in self._left.items() if counts}, 0, remarks)
        held = words(text)
        missing = held - self._read
        left_out = {}
        for reason, counts in self._left.items():
            found = missing & counts
            missing -= found
            if found:
                left_out[reason] = found.total()
        missing = _unjoined(missing - self._fields, self._read - held)
        return Account(held.total(), left_out, missing.total(), remarks)


def _shown(metadata: Metadata) -> Iterator[str]:
    """Yield the texts of fields: what is there to filter by is not lost."""
    for value in metadata.values():
        yield from map(str, value if isinstance(value, list | tuple) else [value])


def _unjoined(missing: Counter[str], new: Counter[str]) -> Counter[str]:
    """Return missing words without those that were joined or parted: "cli-" and "mate", the "H" and "2" of H2O."""
    for whole, parts in ((new, missing), (missing, new)):
        for word in [word for word in whole if len(word) <= _LONGEST]:
            while whole[word] > 0 and (pieces := _pieces(word, parts, _MOST_PIECES)):
                whole[word] -= 1
                parts.subtract(pieces)
    return +missing


def _pieces(word: str, words: Counter[str], most: int) -> list[str]:
    """Return words that make up a word when joined; none if there are none."""
    if words[word] > 0:
        return [word]
    for cut in range(1, len(word) if most > 1 else 1):
        first = word[:cut]
        if words[first] > 0:
            words[first] -= 1
            rest = _pieces(word[cut:], words, most - 1)
            words[first] += 1
            if rest:
                return [first, *rest]
    return []
