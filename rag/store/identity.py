"""The identity of a knowledge base: embedder, metric, chunker and analyser that it was made with."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.types import METRICS, Metric

from ..embedding.protocol import Embedder
from ..errors import StoreMismatch
from .database import Connection
from .faults import damaged
from .granularity import GRANULARITIES, Granularity

PROBE_COSINE = 0.9999

_QUERY = """
    select key, value from meta where key < 'setting:' union all select key, value from meta where key >= 'setting;'
"""
"""By ranges, so that damaged pages of settings are not read."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a knowledge base, as ``meta`` keeps it.

    ``store`` is a random name of this very knowledge base; ``reference`` is what finds the embedder again: a model's
    name or folder.
    """

    store: str
    embedder: str
    revision: str
    dim: int
    metric: Metric
    chunker: str
    analyser: str
    indexes: tuple[str, ...]
    probe: bytes
    reference: str
    byte_order: str = sys.byteorder
    granularity: Granularity = "chunk"

    @property
    def has_sentences(self) -> bool:
        """Whether sentences have vectors of their own."""
        return self.granularity != "chunk"

    @property
    def has_tokens(self) -> bool:
        """Whether the states of a chunk's tokens are kept."""
        return self.granularity == "chunk+late+tokens"

    def write(self, db: Connection) -> None:
        """Store the identity, inside the caller's transaction."""
        rows = [(name, getattr(self, name)) for name in self.__slots__ if name != "indexes"]
        db.executemany("insert into meta values (?, ?)", [*rows, ("indexes", json.dumps(self.indexes))])

    @classmethod
    def read(cls, db: Connection, path: Path) -> Identity:
        """Read the identity.

        Raises
        ------
        StoreCorrupt
            An entry is missing or impossible.
        StoreMismatch
            The vectors were written on a machine with the other byte order.
        """
        facts = dict(db.execute(_QUERY))
        try:
            facts["indexes"] = tuple(json.loads(facts["indexes"]))
            found = cls(**facts)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path.name, f"its identity is incomplete ({error})") from error
        known = found.metric in METRICS and found.granularity in GRANULARITIES
        if not known or found.dim < 1 or len(found.probe) % (4 * found.dim):
            raise damaged(path.name, "its identity makes no sense")
        if found.byte_order != sys.byteorder:
            text = (
                f"{path.parent} was written on a {found.byte_order}-endian machine, this one is {sys.byteorder}-endian"
            )
            raise StoreMismatch(f"{text}; ingest the documents again here")
        return found

    def check(self, folder: Path | str, **wanted: str | int | None) -> None:
        """Compare the values that the caller names with the stored ones; None is not compared.

        Raises
        ------
        StoreMismatch
            They differ; names both values and what to do.
        """
        for name, value in wanted.items():
            stored = getattr(self, name)
            if value is not None and value != stored:
                raise StoreMismatch(f"{folder} was made with {_said(name)} {stored!r}, not {value!r}; {_fix(name)}")

    def check_embedder(self, folder: Path | str, embedder: Embedder) -> None:
        """Compare an embedder's name, revision and dimension; loads the model if it is lazy."""
        self.check(folder, embedder=embedder.name)
        self.check(folder, revision=embedder.revision, dim=embedder.dim)

    def check_probe(self, folder: Path | str, vectors: NDArray[np.float32]) -> None:
        """Compare the fingerprint: the same name does not prove the same weights.

        Raises
        ------
        StoreMismatch
            A probe's cosine with the stored one is below 0.9999.
        """
        stored = np.frombuffer(self.probe, dtype=np.float32).reshape(-1, self.dim)
        if vectors.shape != stored.shape:
            self.check(folder, dim=vectors.shape[-1])
        norms = np.linalg.norm(stored, axis=1) * np.linalg.norm(vectors, axis=1)
        cosines = np.einsum("ij,ij->i", stored, vectors) / np.maximum(norms, 1e-12)
        if float(cosines.min(initial=1.0)) < PROBE_COSINE:
            text = f"{folder} was made with embedder {self.embedder!r} of other weights: the fingerprints differ"
            text += f" (cosine {float(cosines.min()):.4f}, at least {PROBE_COSINE} expected)"
            raise StoreMismatch(f"{text}; restore those weights, or `rag ingest` the documents into another folder")

    def told(self, store_format: int) -> dict[str, str]:
        """Return what a status says of it, with the format of its store."""
        names = ("embedder", "revision", "dim", "metric", "chunker", "analyser", "granularity")
        return {"format": str(store_format), **{name: str(getattr(self, name)) for name in names}}

    def key(self, text: str) -> bytes:
        """Return the key under which the embedding of a text is kept."""
        prefix = f"{self.embedder}\0{self.revision}\0{self.dim}\0"
        return hashlib.sha256((prefix + text).encode()).digest()


def _said(name: str) -> str:
    return {"revision": "the embedder's revision", "dim": "vectors of dimension"}.get(name, name)


def _fix(name: str) -> str:
    elsewhere = "`rag ingest` the documents into another folder"
    if name in {"revision", "dim"}:  # no caller names these: the model found is not the one it was made with
        return f"bring back the model it was made with, or {elsewhere}"
    article = "an" if name[0] in "ae" else "a"
    return f"open it without naming {article} {name}, or {elsewhere} with the new one"
