"""Collections of a knowledge base in Milvus.

Milvus has no transactions. So every row says from which commit on it counts (``born``) and until which (``died``), and
one row of ``state`` for each commit says that it was made: it is written last, and a reader goes by the newest. Rows of
a commit that was cut off are seen by nobody, and the next writer clears them. Ids are never used twice.

- ``state``: the commits, whose ids are their numbers; 0 is the identity.
- ``records``: sources, documents (their facts, and where their chunks are), their texts, settings, postings.
- ``chunks``: vector and text of each chunk. ``sentences``: the vectors of their sentences.

A row that has died stays, as a cache of its embedding and for readers of older states, until ``purge``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from indexes.types import METRICS, Metric

from ...errors import StoreCorrupt, StoreMismatch
from ..granularity import GRANULARITIES
from ..identity import Identity
from .client import NEVER, Client, Row
from .packing import packed, unpacked

FORMAT = 1
STATE, RECORDS, CHUNKS, SENTENCES = "state", "records", "chunks", "sentences"
SOURCE, DOCUMENT, TEXT, SETTINGS, POSTINGS = range(1, 6)
"""Kinds of records. The owner of a source, document or text is its row, that of postings their segment."""
NO_VECTOR = [0.0, 0.0]
"""Milvus takes no collection without vectors."""
_KEPT_COMMITS = 16
_SPAN = (("born", "int"), ("died", "int"))
_METRICS: dict[Metric, str] = {"cosine": "COSINE", "ip": "IP", "l2": "L2"}


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings that never change, in a number of buckets by their terms."""

    id: int
    buckets: int
    postings: int


@dataclass(frozen=True, slots=True)
class State:
    """One commit.

    Attributes
    ----------
    version
        Its number.
    seq
        Number of the last change.
    chunks, terms
        Chunks, and the terms of all of them, repeated ones included.
    purged
        The commit whose dead rows were deleted last.
    next_record, next_chunk, next_sentence, next_segment
        Ids that are still free.
    """

    version: int = 1
    seq: int = 0
    specs: tuple[str, ...] = ()
    automatic: bool = False
    chunks: int = 0
    terms: int = 0
    purged: int = 0
    next_record: int = 1
    next_chunk: int = 1
    next_sentence: int = 1
    next_segment: int = 1
    segments: tuple[Segment, ...] = ()

    @property
    def seen(self) -> str:
        """The expression of rows that count in this state."""
        return f"born <= {self.version} and died > {self.version}"

    @classmethod
    def read(cls, text: str) -> State:
        """Read a commit's row."""
        facts = json.loads(text)
        facts["specs"] = tuple(facts["specs"])
        facts["segments"] = tuple(Segment(**each) for each in facts["segments"])
        return cls(**facts)

    def row(self) -> Row:
        """Return the row to write."""
        return {"id": self.version, "data": json.dumps(asdict(self)), "vector": NO_VECTOR}


def names(identity: Identity) -> list[str]:
    """Return the collections of a knowledge base."""
    return [STATE, RECORDS, CHUNKS, *([SENTENCES] if identity.has_sentences else [])]


def exists(client: Client) -> bool:
    """Say whether there is a knowledge base: its first commit was made."""
    if not client.has(STATE):
        return False
    client.load([STATE])
    return bool(client.query(STATE, "id == 1 or id > 1", ["id"], limit=1))


def create(client: Client, identity: Identity, specs: tuple[str, ...], *, automatic: bool) -> None:
    """Make the collections, and then the first commit, from which on the knowledge base is there."""
    for name in (STATE, RECORDS, CHUNKS, SENTENCES):  # of a creation that was cut off
        if client.has(name):
            client.drop(name)
    metric = _METRICS[identity.metric]
    client.create(STATE, [("data", "text")], 2, "L2")
    fields = [("kind", "int"), ("owner", "int"), ("number", "int"), ("part", "int"), *_SPAN, ("data", "text")]
    client.create(RECORDS, fields, 2, "L2")
    own = [("document", "int"), *_SPAN, ("key", "text"), ("data", "text"), ("tokens", "text")]
    client.create(CHUNKS, own, identity.dim, metric)
    if identity.has_sentences:
        numbers = [("chunk", "int"), ("ordinal", "int"), ("start", "int"), ("stop", "int")]
        client.create(SENTENCES, [*numbers, *_SPAN, ("key", "text")], identity.dim, metric)
    facts = asdict(identity) | {"probe": identity.probe.hex(), "format": FORMAT}
    (data,) = packed(facts)
    client.write(STATE, [{"id": 0, "data": data, "vector": NO_VECTOR}])
    client.write(STATE, [State(specs=specs, automatic=automatic).row()])


def read_identity(client: Client) -> Identity:
    """Read the identity.

    Raises
    ------
    StoreMismatch
        A newer version made it.
    StoreCorrupt
        It is missing or makes no sense.
    """
    shown = client.place.shown
    try:
        facts: dict[str, Any] = unpacked([client.query(STATE, "id == 0", ["data"])[0]["data"]])
        _check_format(shown, int(facts.pop("format")))
        facts["indexes"] = tuple(facts["indexes"])
        facts["probe"] = bytes.fromhex(facts["probe"])
        facts["byte_order"] = sys.byteorder
        found = Identity(**facts)
    except StoreMismatch:
        raise
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"{shown} is damaged: its identity is incomplete ({error})") from error
    known = found.metric in METRICS and found.granularity in GRANULARITIES
    if not known or found.dim < 1 or len(found.probe) % (4 * found.dim):
        raise StoreCorrupt(f"{shown} is damaged: its identity makes no sense")
    return found


def _check_format(shown: str, found: int) -> None:
    if found > FORMAT:
        text = f"{shown} has format {found}, this version knows formats up to {FORMAT}"
        raise StoreMismatch(f"{text}; install a newer rag-workbench")


def newest(client: Client) -> State:
    """Return the newest commit."""
    rows = client.query(STATE, "id > 0", ["data"])
    if not rows:
        raise StoreCorrupt(f"{client.place.shown} is damaged: it has no commit")
    try:
        return State.read(max(rows, key=lambda row: int(row["id"]))["data"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"{client.place.shown} is damaged: its newest commit makes no sense ({error})") from error


def commit(client: Client, state: State) -> None:
    """Make a commit: from now on all rows count that were written for it."""
    client.write(STATE, [state.row()])
    if state.version % _KEPT_COMMITS == 0:
        client.delete(STATE, f"id > 0 and id < {state.version}")


def clear_leftovers(client: Client, state: State, identity: Identity) -> None:
    """Delete what commits have left that were cut off, and bring back what they had marked as removed."""
    for name in names(identity)[1:]:
        client.delete(name, f"born > {state.version}")
        while marked := client.query(name, f"died > {state.version} and died < {NEVER}", ["id"]):
            client.change(name, [row["id"] for row in marked], died=NEVER)
