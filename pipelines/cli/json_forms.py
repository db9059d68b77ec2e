"""The JSON that scripts build on: these keys stay as they are; new ones may join."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rag.answers import Answer, Citation, Sentence
from rag.documents import Passage


def passage(p: Passage) -> dict[str, Any]:
    """Return one passage of ``search --json`` and ``ask --json``."""
    return {
        "rank": p.rank,
        "score": p.score,
        "document": p.document,
        "chunk": p.chunk,
        "source": p.source,
        "start": p.start,
        "end": p.end,
        "text": p.text,
        "title": p.title,
        "heading": list(p.heading),
        "page": p.page,
        "type": p.type,
        "metadata": dict(p.metadata),
        "scores": dict(p.scores),
    }


def citation(c: Citation) -> dict[str, Any]:
    """Return one citation of ``ask --json``."""
    return {
        "n": c.n,
        "document": c.document,
        "source": c.source,
        "start": c.start,
        "end": c.end,
        "quote": c.quote,
        "chunk": c.chunk,
        "title": c.title,
        "heading": list(c.heading),
        "page": c.page,
    }


def sentence(s: Sentence) -> dict[str, Any]:
    """Return one sentence of ``ask --json``."""
    return {
        "text": s.text,
        "support": s.support,
        "verdict": s.verdict,
        "citations": list(s.citations),
        "problem": s.problem,
    }


def answer(a: Answer) -> dict[str, Any]:
    """Return what ``ask --json`` prints."""
    return {
        "question": a.question,
        "searched": a.searched,
        "answer": a.text,
        "abstained": a.abstained,
        "degraded": a.degraded,
        "incomplete": a.incomplete,
        "reason": a.reason,
        "support": a.support,
        "sentences": [sentence(s) for s in a.sentences],
        "citations": [citation(c) for c in a.citations],
        "passages": [passage(p) for p in a.passages],
        "checks": asdict(a.checks),
        "data": plain(a.data),
        "generator": a.generator,
        "usage": asdict(a.usage),
        "cached": a.cached,
        "trace_id": a.trace_id,
        "timings": dict(a.timings),
        "pipeline": {"digest": a.pipeline},
        "notes": list(a.notes),
    }


def plain(value: Any) -> Any:  # noqa: ANN401 - a pydantic object, or JSON
    """Return what ``json`` can write of a value."""
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(mode="json")
