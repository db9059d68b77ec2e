"""The automatic index: exact search while that is fast, then what `indexes.recommend` says, once it was measured.

It is chosen anew when a generation is cut after the knowledge base has grown. A new kind of index takes the old one's
place only if it finds nearly all that exact search finds here; else the old one stays, and the measurement is kept.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import indexes
from indexes.spec import Value, facts

from . import contents, recall
from .contents import ChunkVectors
from .database import Connection
from .generations import AnyIndex
from .identity import Identity
from .settings import keep_setting, setting

AUTO = "auto"
FIRST = "flat"
"""The index of vectors of a new knowledge base."""
LEAST_RECALL = 0.99
"""Of the ten nearest by exact search."""
SETTING = "automatic index"
_GROWTH = 1.5
"""Times as many chunks as at the last choice, from which it is made anew."""
_SHARE_OF_MEMORY = 0.5
_TIMES = (2, 4, 8, 16)
"""How much more effort than the recommended index's own a search may take."""
_HARDER = {"hnsw": ("lsh:nbits=256,refine=true,candidates=500,refine_factor=4", "hnsw:M=32,ef_construction=400,ef=400")}
"""Built if the recommended index finds too little here, however hard it searches. The scan of all signs comes first: it
is built in seconds, and a search takes 5 ms a million. The denser graph takes most of an hour a million."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The last choice.

    Attributes
    ----------
    chunks
        In the knowledge base at that time.
    spec
        The index of vectors that was chosen.
    recall
        Of the ten nearest, measured on a sample of the chunks; 1 for exact search.
    passed_over
        Recommended indexes that found too little, with their recall.
    """

    chunks: int = 0
    spec: str = FIRST
    recall: float = 1.0
    passed_over: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        found = "exact" if self.recall == 1 and self.spec == FIRST else f"recall {self.recall:.3f} of exact search"
        lost = "".join(f"; {spec} found {share:.3f} only" for spec, share in self.passed_over)
        return f"automatic: {self.spec}, {found}, chosen at {self.chunks:,} chunks{lost}"


def concrete(specs: Sequence[str], chosen: str = FIRST) -> Sequence[str]:
    """Return specs with the chosen index in place of ``auto``; a single text, which is none, as it is."""
    return specs if isinstance(specs, str) else tuple(chosen if spec == AUTO else spec for spec in specs)


def initial(specs: Sequence[str]) -> dict[str, str]:
    """Return the settings of a knowledge base that is made with these specs."""
    return {SETTING: _text(Choice())} if AUTO in specs else {}


def choice(db: Connection) -> Choice | None:
    """Return the last choice; None if the index is not automatic."""
    text = setting(db, SETTING)
    if text is None:
        return None
    facts = json.loads(text)
    return Choice(**{**facts, "passed_over": tuple((spec, share) for spec, share in facts["passed_over"])})


def keep(db: Connection, made: Choice | None) -> None:
    """Keep a choice, inside the caller's transaction; None if the index is not automatic any more."""
    keep_setting(db, SETTING, None if made is None else _text(made))


def _text(made: Choice) -> str:
    return json.dumps(asdict(made))


def chosen(
    db: Connection, identity: Identity, before: Choice, held: Callable[[str], AnyIndex]
) -> tuple[Choice, AnyIndex | None]:
    """Choose for what the store holds now; return the index of vectors too, if it is another one than before.

    ``held`` gives the present index, caught up. It stays if it finds enough still: an index of the same effort finds
    less as it grows.
    """
    chunks = contents.count(db, ChunkVectors(identity, FIRST))
    if chunks <= _GROWTH * before.chunks or not chunks:
        return before, None
    wanted = indexes.recommend(chunks, identity.dim, recall=LEAST_RECALL, memory=_memory()).spec
    if wanted == before.spec == FIRST:
        return Choice(chunks), None
    lost: list[tuple[str, float]] = []
    for built in _candidates(wanted, before.spec):
        what = ChunkVectors(identity, built)
        index = held(built) if built == before.spec else contents.build(db, what)
        tries = _efforts(built)
        for spec, found in zip(tries, recall.of(db, what, index, identity.metric, [*tries.values()]), strict=True):
            if round(found, 4) >= LEAST_RECALL:
                made = Choice(chunks, spec, round(found, 4), (*_earlier(before, built), *lost))
                if spec == before.spec:
                    return made, None
                index.search_params = index.search_params.replace(tries[spec])
                return made, index
            lost.append((spec, round(found, 4)))
        del index  # two of them at a time would take twice the memory
    exact = None if before.spec == FIRST else contents.build(db, ChunkVectors(identity, FIRST))
    return Choice(chunks, passed_over=tuple(lost)), exact


def _candidates(wanted: str, before: str) -> Sequence[str]:
    """Return the indexes to try: if the present one is among them, it and those behind it."""
    if wanted == FIRST:
        return ()
    chain = (wanted, *_HARDER.get(wanted, ()))
    own = indexes.parse(before)
    for at, spec in enumerate(chain):
        like = indexes.parse(spec)
        if (like.name, like.build) == (own.name, own.build):
            return (before, *chain[at + 1 :])
    return chain


def _earlier(before: Choice, kept: str) -> tuple[tuple[str, float], ...]:
    """Return what was passed over before the present index, if that is the one to be kept."""
    return before.passed_over if kept == before.spec else ()


def _efforts(spec: str) -> dict[str, dict[str, Value]]:
    """Return a spec, and the same with more effort of searching, which costs no other build; with what each changes."""
    parsed = indexes.parse(spec)
    tries: dict[str, dict[str, Value]] = {spec: {}}
    for field in dataclasses.fields(parsed.search):
        most, now = facts(field)["effort"], getattr(parsed.search, field.name)
        for times in _TIMES if most and isinstance(now, int) else ():
            if times * now <= most[1]:
                changes: dict[str, Value] = {field.name: times * now}
                tries[str(dataclasses.replace(parsed, search=parsed.search.replace(changes)))] = changes
    return tries


def _memory() -> int | None:
    """Return the bytes that an index may take: half of this machine's memory; None where that is not known."""
    try:
        return int(_SHARE_OF_MEMORY * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None
