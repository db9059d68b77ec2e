"""Knowledge bases on servers: made and opened by their addresses, told apart by their databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ExtraMissing
from .address import MILVUS, Address
from .automatic_index import AUTO, FIRST
from .identity import Identity
from .protocol import Mode, Store

if TYPE_CHECKING:
    from ..terms import Analyser


_NEEDED = {
    "postgresql": ("PostgreSQL", "psycopg and pgvector", "postgres"),
    MILVUS: ("Milvus", "pymilvus and milvus-lite", "milvus"),
}


def _check_extra(engine: str) -> None:
    name, packages, extra = _NEEDED[engine]
    try:
        if engine == MILVUS:
            import milvus_lite
            import pymilvus

            del milvus_lite, pymilvus
        else:
            import pgvector
            import psycopg

            del pgvector, psycopg
    except ImportError as error:
        raise ExtraMissing(
            f"a knowledge base in {name} needs {packages} ({error}); pip install 'rag-workbench[{extra}]'"
        ) from error


def exists(place: Address) -> bool:
    """Say whether there is a knowledge base of that name."""
    _check_extra(place.engine)
    if place.engine == MILVUS:
        from .milvus import store as milvus

        return milvus.exists(place)
    from .postgres import store

    return store.exists(place)


def check_specs(specs: Sequence[str], place: Address) -> tuple[str, ...]:
    """Return specs of indexes as a server has them; refuses those that it has not."""
    _check_extra(place.engine)
    if place.engine == MILVUS:
        from .milvus import store as milvus

        return tuple(milvus.concrete(specs))
    from .postgres import store

    return tuple(store.concrete(specs))


def local_specs(specs: Sequence[str]) -> tuple[str, ...]:
    """Return the specs that stand for them where an identity is made: a server has engines of its own."""
    return tuple(FIRST if spec == AUTO or spec.startswith(("hnsw", "lsh")) else local_terms(spec) for spec in specs)


def local_terms(spec: str) -> str:
    """Return the spec of an index of terms for a folder; of another index its own."""
    return "bm25" if spec.startswith("bm25:engine=pg_textsearch") else spec


def create(
    place: Address, identity: Identity, specs: Sequence[str], analyser: Callable[[], Analyser], *, wait: float = 0.0
) -> Store:
    """Make a knowledge base and open it for writing."""
    own = replace(identity, indexes=check_specs(specs, place))
    if place.engine == MILVUS:
        from .milvus.store import MilvusStore

        return MilvusStore.create(place, own, specs, analyser, wait=wait)
    from .postgres.store import PostgresStore

    return PostgresStore.create(place, own, specs, analyser, wait=wait)


def opened(
    place: Address, mode: Mode, tools: Callable[[Identity], Callable[[], Analyser]], *, wait: float = 0.0
) -> Store:
    """Open a knowledge base."""
    _check_extra(place.engine)
    if place.engine == MILVUS:
        from .milvus.store import MilvusStore

        return MilvusStore.open(place, mode, tools, wait=wait)
    from .postgres.store import PostgresStore

    return PostgresStore.open(place, mode, tools, wait=wait)
