"""The identity of a knowledge base in PostgreSQL: as rows of ``meta``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from indexes.types import METRICS

from ...errors import StoreCorrupt
from ..address import Address
from ..granularity import GRANULARITIES
from ..identity import Identity
from .connection import Connection


def write(db: Connection, identity: Identity) -> None:
    """Store the identity, inside the caller's transaction."""
    facts = asdict(identity) | {"probe": identity.probe.hex()}
    db.execute("insert into meta values ('identity', %s)", (json.dumps(facts),))


def read(db: Connection, place: Address) -> Identity:
    """Read the identity.

    Raises
    ------
    StoreCorrupt
        It is missing or makes no sense.
    """
    try:
        facts = json.loads(db.one("select value from meta where key = 'identity'"))
        facts["indexes"] = tuple(facts["indexes"])
        facts["probe"] = bytes.fromhex(facts["probe"])
        facts["byte_order"] = sys.byteorder  # the server's own form of numbers is the same everywhere
        found = Identity(**facts)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"{place.shown} is damaged: its identity is incomplete ({error})") from error
    known = found.metric in METRICS and found.granularity in GRANULARITIES
    if not known or found.dim < 1 or len(found.probe) % (4 * found.dim):
        raise StoreCorrupt(f"{place.shown} is damaged: its identity makes no sense")
    return found
