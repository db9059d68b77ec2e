"""The extension pg_textsearch: an index of bags of terms that the server keeps and scores, and its spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

import indexes
from indexes.spec import Parameters, param

from ...errors import InvalidInput, StoreUnwritable, on_one_line
from ..address import Address
from ..postings_search import checked
from .connection import Connection

EXTENSION = "pg_textsearch"
INDEX = "bags_terms"
LEAST = (1, 5)
"""The first version that finds by a condition, and not by rank alone: counts of a term's chunks need it."""
_WANTED = ".".join(map(str, LEAST))
_HINT = f"install {EXTENSION} {_WANTED} or newer, name it in shared_preload_libraries and restart the server"


@dataclass(frozen=True, kw_only=True)
class TextsearchBuild(Parameters):
    """Constants of the formula; the index is built with them, so others build it anew.

    Their defaults are those of the search by terms beside one by vectors, by which a question is answered.
    """

    k1: float = param(0.9, "term frequency saturation: smaller saturates sooner", low=0.1, high=10)
    b: float = param(0.4, "length normalisation: 0 none, 1 full", low=0, high=1)

    def __str__(self) -> str:
        own = "".join(f",{name}={value}" for name, value in self.changed().items())
        return f"bm25:engine={EXTENSION}{own}"


def parsed(spec: str) -> TextsearchBuild | None:
    """Read the spec of an index of terms; None for one of another engine.

    Raises
    ------
    InvalidInput
        A parameter is wrong.
    """
    name, _, rest = spec.partition(":")
    values = dict(each.strip().partition("=")[::2] for each in rest.split(",") if each.strip())
    if name != "bm25" or values.pop("engine", "") != EXTENSION:
        return None
    try:
        return TextsearchBuild().replace({key: _number(value) for key, value in values.items()})
    except indexes.InvalidInput as error:
        raise InvalidInput(f"index {spec!r}: {error}") from error


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def among(specs: Sequence[str]) -> TextsearchBuild | None:
    """Return what one of the specs, if any, asks of the extension."""
    return next((own for spec in specs if (own := parsed(spec)) is not None), None)


def terms_spec(spec: str) -> str:
    """Return the spec of an index of terms as PostgreSQL has it.

    Raises
    ------
    InvalidInput
        It has none like that.
    """
    own = parsed(spec)
    return checked(spec, "PostgreSQL") if own is None else str(own)


def check_extension(db: Connection, place: Address) -> None:
    """Make the extension, if it is not there, inside the caller's transaction.

    Raises
    ------
    StoreUnwritable
        The server does not have it, or too old a version; or this user may not make it.
    """
    there = db.one("select extversion from pg_extension where extname = %s", (EXTENSION,))
    has = there or db.one("select default_version from pg_available_extensions where name = %s", (EXTENSION,))
    if has is None:
        raise StoreUnwritable(f"{place.shown}: this server has no {EXTENSION}: {_HINT}; or take the index bm25")
    if tuple(int(part) for part in has.split(".")[:2] if part.isdigit()) < LEAST:
        raise StoreUnwritable(f"{place.shown}: this server has {EXTENSION} {has}: {_HINT}")
    if there is None:
        try:
            db.execute(f"create extension {EXTENSION} schema public")
        except psycopg.Error as error:
            cause = on_one_line(str(error))
            raise StoreUnwritable(f"{place.shown}: {EXTENSION} cannot be made: {cause}; {_HINT}") from error


def build(db: Connection, own: TextsearchBuild) -> None:
    """Build the index of the bags that there are, inside the caller's transaction."""
    options = f"text_config = 'pg_catalog.simple', k1 = {own.k1!r}, b = {own.b!r}"
    with db.unlimited():
        db.execute(f"create index {INDEX} on bags using bm25 (terms) with ({options})")


def drop(db: Connection) -> None:
    """Remove the index and the bags, inside the caller's transaction."""
    db.execute(f"drop index if exists {INDEX}")
    db.execute("truncate bags")
