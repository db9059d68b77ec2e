"""JSON output for scripts: keys stay stable; new ones may be added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rag.answers import Answer, Citation, Sentence
from rag.documents.document import Passage

_CITATION = "n document source start end quote chunk title type heading page rows time metadata url"


def passage(p: Passage) -> dict[str, Any]:
    """Return one passage of ``search --json`` and ``ask --json``."""
    names = "rank score document chunk source start end text title heading page type metadata scores"
    return _form(p, names)


def _form(thing: Passage | Citation | Sentence, names: str) -> dict[str, Any]:
    values = {name: getattr(thing, name) for name in names.split()}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


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
        "calibrated": a.calibrated,
        "threshold": a.threshold,
        "sentences": [_form(s, "text support verdict citations problem") for s in a.sentences],
        "citations": [_form(c, _CITATION) for c in a.citations],
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
