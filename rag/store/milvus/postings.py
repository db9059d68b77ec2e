"""Postings in Milvus: immutable segments, in buckets by the hash of the term, scored in the reader.

Milvus's own BM25 counts chunks a segment of its own at a time, with another formula and another analyser. Buckets, not
a row a term: most terms are in one chunk only, and Milvus has a vector to every row.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..postings_search import POSTING
from .client import NEVER, Client, Row
from .packing import packed_bytes, unpacked_bytes
from .schema import NO_VECTOR, POSTINGS, RECORDS, Segment
from .snapshots import Snapshot

Records = NDArray[np.void]
Bucket = dict[str, Records]

_BUCKET_BYTES = 32_768
_MOST_BUCKETS = 1 << 20
_KEPT_BYTES = 256 << 20


def bucket_of(term: str, buckets: int) -> int:
    """Return the bucket of a term; ``buckets`` is a power of two."""
    return zlib.crc32(term.encode("utf-8", "surrogatepass")) & (buckets - 1)


def segment_rows(
    terms: Iterable[tuple[str, Records]], segment: int, born: int, first: int
) -> tuple[Segment, list[Row]]:
    """Return a segment of terms with their postings, and its rows, whose ids begin with ``first``."""
    every = list(terms)
    postings = sum(len(records) for _, records in every)
    buckets = 1
    while buckets < _MOST_BUCKETS and postings * POSTING.itemsize > buckets * _BUCKET_BYTES:
        buckets *= 2
    filled: defaultdict[int, Bucket] = defaultdict(dict)
    for term, records in every:
        filled[bucket_of(term, buckets)][term] = records
    rows: list[Row] = []
    for number, bucket in sorted(filled.items()):
        for part, data in enumerate(packed_bytes(_bytes(bucket))):
            facts = {"kind": POSTINGS, "owner": segment, "number": number, "part": part, "born": born, "died": NEVER}
            rows.append({"id": first + len(rows), **facts, "data": data, "vector": NO_VECTOR})
    return Segment(segment, buckets, postings), rows


def joined(client: Client, segments: Sequence[Segment], alive: NDArray[np.bool_], end: int) -> dict[str, Records]:
    """Return the terms of segments, with the postings of chunks that are there."""
    found: defaultdict[str, list[Records]] = defaultdict(list)
    for segment in segments:
        for bucket in every_bucket(client, segment, end):
            for term, records in bucket.items():
                left = records[alive[records["chunk"]]]
                if len(left):
                    found[term].append(left)
    return {term: np.concatenate(parts) for term, parts in found.items()}


def every_bucket(client: Client, segment: Segment, end: int) -> Iterator[Bucket]:
    """Yield the buckets of a segment."""
    parts: defaultdict[int, list[Row]] = defaultdict(list)
    test = f"kind == {POSTINGS} and owner == {segment.id}"
    for row in client.windows(RECORDS, test, ["number", "part", "data"], end):
        parts[row["number"]].append(row)
    for rows in parts.values():
        yield _bucket(rows)


def row_ids(client: Client, segments: Sequence[Segment], end: int) -> list[int]:
    """Return the ids of the rows of segments."""
    owners = [segment.id for segment in segments]
    test = f"kind == {POSTINGS} and owner in {owners}"
    return [row["id"] for row in client.windows(RECORDS, test, [], end, step=16_000)] if owners else []


def _bytes(bucket: Bucket) -> bytes:
    head = json.dumps({term: len(records) for term, records in bucket.items()}).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, *(records.tobytes() for records in bucket.values())])


def _bucket(rows: Iterable[Row]) -> Bucket:
    data = unpacked_bytes(row["data"] for row in sorted(rows, key=lambda row: int(row["part"])))
    at = 4 + int.from_bytes(data[:4], "little")
    found: Bucket = {}
    for term, count in json.loads(data[4:at]).items():
        found[term] = np.frombuffer(data, POSTING, count, at)
        at += count * POSTING.itemsize
    return found


class BucketCache:
    """Buckets of segments, the last used ones; see `rag.store.postings_search.Kept`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], tuple[Bucket, int]] = OrderedDict()
        self._bytes = 0
        self._turn = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self._bytes

    def postings(self, snapshot: Snapshot, terms: Sequence[str]) -> Mapping[str, Records]:
        """Return the postings of terms, removed chunks left out."""
        segments, alive = snapshot.state.segments, snapshot.alive
        wanted = {(segment.id, bucket_of(term, segment.buckets)) for segment in segments for term in terms}
        with self._turn:
            self._fetch(snapshot.client, wanted - self._kept.keys())
            found: dict[str, Records] = {}
            for term in terms:
                parts = [np.zeros(0, POSTING)]
                for segment in segments:
                    key = (segment.id, bucket_of(term, segment.buckets))
                    self._kept.move_to_end(key)
                    records = self._kept[key][0].get(term)
                    if records is not None:
                        parts.append(records)
                every = np.concatenate(parts)
                found[term] = every[alive[every["chunk"]]]
            while self._bytes > _KEPT_BYTES and self._kept:
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return found

    def every(self, snapshot: Snapshot) -> dict[str, int]:
        """Return the number of postings of each term."""
        state = snapshot.state
        every = joined(snapshot.client, state.segments, snapshot.alive, state.next_record)
        return {term: len(records) for term, records in every.items()}

    def _fetch(self, client: Client, missing: set[tuple[int, int]]) -> None:
        by_segment: defaultdict[int, list[int]] = defaultdict(list)
        for segment, number in missing:
            by_segment[segment].append(number)
        if not by_segment:
            return
        tests = [f"(owner == {segment} and number in {numbers})" for segment, numbers in sorted(by_segment.items())]
        rows: defaultdict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in client.query(RECORDS, f"kind == {POSTINGS} and ({' or '.join(tests)})", _FETCHED):
            rows[row["owner"], row["number"]].append(row)
        for key in missing:
            bucket = _bucket(rows[key]) if key in rows else {}
            size = sum(records.nbytes for records in bucket.values()) + 100
            self._kept[key] = bucket, size
            self._bytes += size


_FETCHED = ("owner", "number", "part", "data")
