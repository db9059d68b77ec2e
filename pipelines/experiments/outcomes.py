"""Outcomes on disk, one line a question, written as they come: a killed run resumes, and no model is paid twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rag.answers import Answer, Citation
from rag.documents.document import Passage
from rag.documents.sections import Section
from rag.evaluation import Outcome


def line(outcome: Outcome, k: int) -> str:
    """Return an outcome as a line of JSON; texts of passages below the ``k`` that are read are left out."""
    row: dict[str, Any] = {
        "question": outcome.question,
        "passages": [_passage(p, whole=at < k) for at, p in enumerate(outcome.passages)],
        "error": outcome.error,
        "seconds": outcome.seconds,
        "timings": dict(outcome.timings),
        "notes": list(outcome.notes),
    }
    if outcome.answer is not None:
        kept = {each.name: getattr(outcome.answer, each.name) for each in fields(Answer)} | {"passages": ()}
        row["answer"] = _plain(kept)
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def outcome(text: str) -> Outcome:
    """Read a line back.

    Raises
    ------
    ValueError
        It is not an outcome, or was cut off.
    """
    try:
        row = json.loads(text)
        passages = tuple(_read_passage(each) for each in row["passages"])
        answer = _answer(row["answer"], passages) if "answer" in row else None
        notes = tuple(row.get("notes", ()))  # journals of earlier versions have none
        return Outcome(row["question"], passages, answer, row["error"], row["seconds"], row["timings"], notes)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"no outcome: {error}") from error


def append(path: Path, outcomes: Iterable[Outcome], k: int) -> None:
    """Add lines to a journal, durably."""
    with path.open("a", encoding="utf-8", errors="surrogatepass") as file:
        for each in outcomes:
            file.write(line(each, k) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Iterator[Outcome]:
    """Yield the outcomes of a journal; a last line that a kill has cut off is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="surrogatepass") as file:
        for text in file:
            if not text.endswith("\n"):
                return
            yield outcome(text)


def _passage(p: Passage, *, whole: bool) -> dict[str, Any]:
    if whole:
        return asdict(p)
    return {"rank": p.rank, "score": p.score, "chunk": p.chunk, "document": p.document, "source": p.source,
            "start": p.start, "end": p.end, "text": ""}  # fmt: skip


def _read_passage(row: Mapping[str, Any]) -> Passage:
    sections = tuple(Section(**{**s, "heading": tuple(s["heading"])}) for s in row.get("sections", ()))
    return Passage(**{**row, "heading": tuple(row.get("heading", ())), "sections": sections})


def _answer(row: Mapping[str, Any], passages: tuple[Passage, ...]) -> Answer:
    known = {each.name for each in fields(Answer)}
    own = {name: value for name, value in row.items() if name in known}
    own["citations"] = tuple(_citation(c) for c in row["citations"])
    return Answer(**{**own, "passages": passages})


def _citation(row: Mapping[str, Any]) -> Citation:
    rows = row.get("rows")
    return Citation(**{**row, "heading": tuple(row["heading"]), "rows": None if rows is None else tuple(rows)})


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever an answer's fields hold
    """Turn dataclasses and tuples into what JSON knows."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
