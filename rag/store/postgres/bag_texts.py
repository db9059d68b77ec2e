"""Bags of terms as texts that PostgreSQL's own parser takes apart into the very terms.

The parser splits words and takes some for numbers, addresses or files. So each term becomes one word that begins with a
letter and a digit, which it keeps as it is, and no dictionary of a language changes. As PostgreSQL counts to 255 only,
so often a term is counted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from .connection import Connection

_LONGEST = 200
"""Characters of a word; PostgreSQL leaves out those above 2,046 bytes."""
_FINE, _WORDS = 100, 2_000
"""Repetitions of a question's heaviest term, and of all: the server takes the question apart for each chunk that it
scores by itself. Of more than 16,000 words it would not count all."""
_PLAIN = re.compile(r"[a-z0-9]+", re.ASCII)


@lru_cache(1 << 16)
def word(term: str) -> str:
    """Return the word of a term; another term has another word."""
    if len(term) <= _LONGEST:
        return f"w1{term}" if _PLAIN.fullmatch(term) else _hexed(term)
    return f"s1{hashlib.sha256(_bytes(term)).hexdigest()}"


def _hexed(term: str) -> str:
    return f"h1{_bytes(term).hex()}"


def _bytes(term: str) -> bytes:
    return term.encode("utf-8", "surrogatepass")


def text(bag: Sequence[str]) -> str:
    """Return the text of a bag of terms: each as often as it is there."""
    return " ".join(map(word, bag))


def query(bag: Mapping[str, float]) -> tuple[str, float]:
    """Return the text of a query of weighted terms (> 0), and what its scores are to be multiplied by.

    The server counts a query's terms, so a weight is a number of repetitions: exact for small whole ones, else rounded
    to a hundredth of the largest, and to more where there are many.
    """
    weights = list(bag.values())
    step = max(max(weights) / _FINE, sum(weights) / _WORDS)
    if step <= 1 and all(weight == int(weight) for weight in weights):
        step = 1.0
    return " ".join(word(term) for term, weight in bag.items() for _ in range(max(1, round(weight / step)))), step


def any_of(bag: Mapping[str, float]) -> str:
    """Return the condition, a ``tsquery``, that a bag holds one of the terms."""
    return " | ".join(map(word, bag))


def write(db: Connection, chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> None:
    """Write the bags of chunks, inside the caller's transaction."""
    query = "insert into bags (chunk, terms) select * from unnest(%b::int8[], %b::text[])"
    db.execute(query, (list(chunks), [text(bag) for bag in bags]))


def remove(db: Connection, chunks: Sequence[int]) -> None:
    """Remove the bags of chunks, inside the caller's transaction."""
    db.execute("delete from bags where chunk = any(%s)", (list(chunks),))


def frequencies(db: Connection) -> dict[str, int]:
    """Return the number of chunks that hold each term: by a pass over all bags, and without what has no way back."""
    words = "select to_tsvector('pg_catalog.simple', terms) from bags"
    with db.unlimited():
        rows = db.rows("select word, ndoc from ts_stat(%s)", (words,))
    return {found: count for each, count in rows if (found := _term(each)) is not None}


def _term(word: str) -> str | None:
    if word.startswith("w1"):
        return word[2:]
    return bytes.fromhex(word[2:]).decode("utf-8", "surrogatepass") if word.startswith("h1") else None
