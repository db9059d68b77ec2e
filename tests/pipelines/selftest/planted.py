"""Run a check, or its trials, in this process with a defect planted; prints one JSON object.

python planted.py CHECK [--defect NAME] [--NAME VALUE ...]
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.selftest.tally import Tally

Plant = Callable[[], object]


# ---- P1, P2: planted after the undisturbed run ----------------------------------------------------------------


def early_acknowledgement() -> None:
    """Say that a batch is safe before it is."""
    from rag.store import pipeline

    commit = pipeline.Pipeline._commit

    def early(self: pipeline.Pipeline, batch: Any, vectors: Any) -> None:
        for future in vectors:
            future.result()
        self._on_commit([s.document.id for s in batch.steps if hasattr(s, "document")])
        commit(self, batch, vectors)

    pipeline.Pipeline._commit = early


def no_transactions() -> None:
    """Every statement commits by itself."""
    from rag.store import database

    @contextlib.contextmanager
    def none(db: object) -> Iterator[None]:
        yield

    database.transaction = none


def index_first() -> None:
    """The pointer to a new index is committed before the index is there."""
    from rag.store import generations, live

    save = generations.save

    def lazy(folder: Path, spec: str, index: object, seq: int) -> object:
        pointer = save(folder, spec, index, seq)
        there = folder / "generations" / pointer.folder
        late.append((there.rename(there.with_name(f"late{pointer.folder}")), there))
        return pointer

    late: list[tuple[Path, Path]] = []
    commit = live.LiveIndexes._commit

    def then(self: object, *rest: object, **named: object) -> None:
        commit(self, *rest, **named)
        time.sleep(0.05)
        for old, new in late:
            old.rename(new)
        late.clear()

    generations.save = lazy
    live.LiveIndexes._commit = then


def check_digest_late() -> None:
    """The index is used without its digests having been looked at."""
    from indexes import files
    from rag.store import generations

    def unchecked(path: object) -> dict:
        return files._read_manifest(Path(path))

    files.verify = unchecked
    generations._cause = lambda place, pointer: ""


def no_page_checksums() -> None:
    """The database without page checksums."""
    from rag.store import database

    configure = database._configure

    def without(db: object) -> None:
        configure(db)
        db.pragma("checksum_verification", False)

    database._configure = without
    database._check_opened = lambda db, path: None


# ---- the others: planted before the check ---------------------------------------------------------------------


def _patch(owner: str, name: str, value: Any) -> Plant:
    """Return what puts ``value`` in the place of an attribute; ``owner`` is ``module`` or ``module:Class``."""

    def plant() -> None:
        module, _, inner = owner.partition(":")
        place = importlib.import_module(module)
        setattr(getattr(place, inner) if inner else place, name, value)

    return plant


def blind_filter() -> None:
    """A filter that the indexes do not heed."""
    from rag.knowledge_base import KnowledgeBase

    KnowledgeBase.allowed = lambda self, where: None


def no_purge() -> None:
    from rag.store import removal

    removal.purge = lambda session, live: None


def shifted_quotes() -> None:
    from rag.extractive import generator
    from rag.grounding import verification

    real = verification.citation
    for place in (verification, generator):
        place.citation = lambda n, passage, start, end: replace(real(n, passage, start, end), quote="Never said.")


def shifted_chunks() -> None:
    from rag.store import reading

    chunks = reading.chunks
    reading.chunks = lambda db, ids: [replace(each, start=each.start + 1) for each in chunks(db, ids)]


def pickles_allowed() -> None:
    load = np.load
    np.load = lambda file, **_: load(file, allow_pickle=True)


def noise() -> None:
    """The same question is another one each time."""
    from rag.embedding import HashingEmbedder

    embed, dice = HashingEmbedder.embed_queries, np.random.default_rng()

    def noisy(self: HashingEmbedder, texts: Any) -> Any:
        return embed(self, texts) + dice.normal(size=(len(texts), self.dim)).astype(np.float32)

    HashingEmbedder.embed_queries = noisy


def failures_forgotten() -> None:
    from rag.documents.document import Document
    from rag.loaders import loading

    load_files = loading.load_files
    loading.load_files = lambda *given, **named: (d for d in load_files(*given, **named) if isinstance(d, Document))


def keys_shown() -> None:
    from rag.llm.models import language_model

    model = type(language_model("openai:x", base_url="http://127.0.0.1:9", api_key="k"))
    model.__repr__ = lambda self: "OpenAIChat(sk-canary-4711-0815-do-not-print)"


def leaking() -> None:
    """Each question leaves a file open."""
    from rag.bot import Bot

    ask, kept = Bot.ask, []

    def opening(self: Bot, *given: object, **named: object) -> object:
        kept.append(Path(__file__).open())  # noqa: SIM115
        return ask(self, *given, **named)

    Bot.ask = opening


def quadratic() -> None:
    """Texts of one shape take the square of the time."""
    from rag.terms import Analyser

    terms = Analyser.terms

    def slow(self: Analyser, text: str) -> list[str]:
        for n in range(0, len(text) if text.startswith("a-b ") else 0, 8):
            text[: n + 1].count("b")
            text[: n + 1].replace("q", "r")
        return terms(self, text)

    Analyser.terms = slow


DEFECTS: dict[str, Plant] = {
    "early": early_acknowledgement,
    "autocommit": no_transactions,
    "index-first": index_first,
    "digest": check_digest_late,
    "checksum": no_page_checksums,
    "reports": _patch("rag.store.verifying", "_index", lambda *_: iter(())),
    "engines": _patch("indexes.vectors", "_complain", lambda *_, **__: None),
    "bad_files": failures_forgotten,
    "metrics": _patch("rag.evaluation.metrics.ranking_formulas", "_share", lambda part, whole: part),
    "code": pickles_allowed,
    "concurrency": no_transactions,
    "identity": _patch("rag.store.identity:Identity", "check_probe", lambda *_: None),
    "paths": _patch("rag.loaders.discovery", "_within", lambda *_: True),
    "text": shifted_chunks,
    "isolation": blind_filter,
    "citations": shifted_quotes,
    "deleting": no_purge,
    "repeating": noise,
    "keys": keys_shown,
    "injection": _patch("secrets", "token_hex", lambda *_: "0123456789abcdef"),
    "linear_time": quadratic,
    "leaks": leaking,
}


def main() -> None:
    name, *options = sys.argv[1:]
    given = dict(zip(options[::2], options[1::2], strict=True))
    plant = DEFECTS[given.pop("--defect")] if "--defect" in given else None
    numbers = {key.removeprefix("--"): int(v) if v.isdigit() else v for key, v in given.items()}
    module = importlib.import_module(f"pipelines.selftest.{name}")
    work = Path(tempfile.mkdtemp())
    try:
        whole = numbers.pop("check", 0)
        if hasattr(module, "trials") and not whole:
            more = {"plant": plant} if name in {"kills", "damage"} else {}
            found = module.trials(work, **numbers, **more)
            print(json.dumps(asdict(found) if is_dataclass(found) else found))
            return
        if plant is not None:
            plant()
        tally = Tally()
        partial(module.check, work, tally, **numbers)()
        print(json.dumps(tally.form(), default=str))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
