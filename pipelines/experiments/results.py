"""Results of an experiment: one row a configuration, leaderboard, comparisons, effects; written in usual formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from indexes import IndexDamaged
from rag.errors import ExtraMissing, InvalidInput
from rag.evaluation import Saved
from rag.evaluation.aggregate import Aggregate
from rag.evaluation.comparison import Comparison
from rag.evaluation.metrics.registry import lower_is_better
from rag.retrieval.choices import Value
from rag.whole_file import whole_file

from . import analysis
from .cache import Cache

ROWS, CARD, QUESTIONS, TABLE, SCORES = "results.jsonl", "experiment.json", "questions.csv", "results.csv", "scores"


@dataclass(frozen=True)
class Row:
    """One configuration.

    Attributes
    ----------
    name
        The values of the fields that are varied.
    parts
        Value by field.
    metrics
        Aggregate by metric; empty where it failed.
    latency
        ``p50_ms``, ``p95_ms`` and ``n``: one question at a time, measured when the run was made.
    memory_bytes
        Of its indexes, analytic.
    seconds
        What each of its stages took when it was done: ``store``, ``index``, ``run``.
    keys
        Digest of each stage.
    error
        Why there are no figures; empty where there are.
    measured
        Where and when its questions were asked: ``code``, ``cpu``, ``load``, ``jobs``, ``at``. A figure out of the
        cache keeps those of the run that measured it.
    pipeline
        ``digest`` of the pipeline value; ``configuration``: that of all fields and of the contents of their files;
        ``run``: its TREC run in the folder of results.
    failed
        Questions by reason, of those that failed or lost a step: the figures rest on failures, and take no part in
        tests until another run has asked them again.
    """

    name: str
    parts: Mapping[str, Value | None]
    metrics: Mapping[str, Aggregate] = field(default_factory=dict)
    latency: Mapping[str, Any] = field(default_factory=dict)
    memory_bytes: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    measured: Mapping[str, Any] = field(default_factory=dict)
    pipeline: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether there are figures, and none rests on a failure."""
        return not self.error and not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Result:
    """All rows of an experiment, the baseline first.

    Attributes
    ----------
    rows
        In the order of configurations.
    saved
        Name -> figures and values by question, of the rows without an error.
    card
        What was run: digests of configuration and data, code, machine, versions, seeds, counts of stages done and taken
        from the cache.
    texts
        Text by question.
    """

    rows: tuple[Row, ...]
    saved: Mapping[str, Saved]
    card: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The metric that orders the leaderboard."""
        return str(self.card["metric"])

    @property
    def lower(self) -> bool:
        """Whether less of `metric` is better; the card says it of metrics that other processes do not know."""
        return self.lower_is_better(self.metric)

    def lower_is_better(self, metric: str) -> bool:
        """Whether less of a metric is better."""
        return metric in self.card["lower"] if "lower" in self.card else lower_is_better(metric)

    @property
    def baseline(self) -> Row:
        """The row that the others are compared with."""
        return self.rows[0]

    def leaderboard(self) -> list[Row]:
        """Return the rows, best first by `metric`; behind them those that rest on failures, those that failed last."""
        lower = self.lower

        def key(row: Row) -> tuple[bool, bool, float]:
            own = row.metrics.get(self.metric)
            value = None if own is None else own.value
            return value is None, not row.sound, 0.0 if value is None else (value if lower else -value)

        return sorted(self.rows, key=key)

    @property
    def sound(self) -> Mapping[str, Saved]:
        """Figures by name of the rows that rest on no failure: those that tests are made of."""
        return {row.name: self.saved[row.name] for row in self.rows if row.sound and row.name in self.saved}

    @cached_property
    def comparisons(self) -> Mapping[str, Comparison]:
        """Each row against the baseline on `metric`, by name, with Holm's correction over all of them.

        Rows that rest on failures take no part.
        """
        return analysis.against_baseline(
            self.sound, self.baseline.name, self.metric, lower=self.lower, seed=self.card["seed"]
        )

    @cached_property
    def effects(self) -> Sequence[analysis.Effect]:
        """The effect of each value of each varied field, over all pairs of configurations that differ in it alone."""
        sound = self.sound
        parts = {row.name: row.parts for row in self.rows if row.name in sound}
        return analysis.effects(
            sound, parts, self.baseline.parts, self.metric, lower=self.lower, seed=self.card["seed"]
        )

    def frame(self) -> Any:  # noqa: ANN401 - pandas is optional
        """Return a pandas DataFrame with a row a configuration.

        Raises
        ------
        ExtraMissing
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ExtraMissing("a data frame needs pandas: pip install 'rag-workbench[experiments]'") from error
        return pd.DataFrame([flat(row) for row in self.rows])

    def save(self, folder: str | Path) -> None:
        """Write rows, tables and values by question into a folder; each file whole or not at all."""
        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        put(out / ROWS, "".join(json.dumps(row.as_dict(), ensure_ascii=False) + "\n" for row in self.rows))
        put(out / TABLE, table_text([flat(row) for row in self.rows]))
        put(out / QUESTIONS, table_text(self._by_question()))
        put(out / CARD, json.dumps(dict(self.card), indent=1, ensure_ascii=False) + "\n")

    def _by_question(self) -> list[dict[str, Any]]:
        """Return the value of `metric` of every question under every configuration."""
        values = {name: saved.values(self.metric) for name, saved in self.saved.items()}
        questions = dict.fromkeys(q for own in values.values() for q in own)
        return [
            {"question": q, "text": self.texts.get(q, ""), **{name: own.get(q) for name, own in values.items()}}
            for q in questions
        ]

    @classmethod
    def load(cls, folder: str | Path) -> Result:
        """Read what an experiment left in its folder.

        Raises
        ------
        InvalidInput
            There is none.
        """
        out = Path(folder)
        try:
            card = json.loads((out / CARD).read_text(encoding="utf-8"))
            rows = [_row(json.loads(line)) for line in (out / ROWS).read_text(encoding="utf-8").splitlines()]
            cache = Path(card["cache"]) if Path(card["cache"]).is_absolute() else out / card["cache"]
            saved = {row.name: _saved(Cache(cache), row) for row in rows if not row.error}
            with (out / QUESTIONS).open(encoding="utf-8", newline="") as file:
                texts = {line["question"]: line["text"] for line in csv.DictReader(file)}
        except IndexDamaged as error:
            raise InvalidInput(f"the results in {folder} cannot be read: {error}; run the experiment again") from error
        except OSError as error:
            raise InvalidInput(f"no experiment's results in {folder}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"the results in {folder} cannot be read: {error}") from error
        return cls(tuple(rows), saved, card, texts)


def _saved(cache: Cache, row: Row) -> Saved:
    cache.facts(SCORES, row.keys[SCORES])  # checks every byte
    found = Saved.load(cache.place(SCORES, row.keys[SCORES]) / "evaluation.json")
    if found.metrics != row.metrics:
        raise InvalidInput(f"the cache holds other figures of {row.name!r} than the results: run the experiment again")
    return found


def flat(row: Row) -> dict[str, Any]:
    """Return a row as one level of names and values."""
    out: dict[str, Any] = {"configuration": row.name, **row.parts}
    for name, own in row.metrics.items():
        out |= {name: own.value, f"{name} low": own.low, f"{name} high": own.high, f"{name} failed": own.n_failed}
    out |= {"p50_ms": row.latency.get("p50_ms"), "p95_ms": row.latency.get("p95_ms")}
    out |= {"memory_bytes": row.memory_bytes, **{f"{stage}_seconds": s for stage, s in row.seconds.items()}}
    return {
        **out,
        "measured_at": row.measured.get("at"),
        "load": row.measured.get("load"),
        "pipeline": row.pipeline.get("digest", ""),
        "run": row.pipeline.get("run", ""),
        "failed": _reasons(row.failed),
        "error": row.error,
    }


def _reasons(failed: Mapping[str, int]) -> str:
    return "; ".join(f"{count} questions: {reason}" for reason, count in failed.items())


def put(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path, errors="replace") as out:
        out.write(text)


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    text = isinstance(value, str) and value[:1] in set("=+-@\t\r")
    return f"'{value}" if text else value


def _row(data: Mapping[str, Any]) -> Row:
    parts = {name: tuple(value) if isinstance(value, list) else value for name, value in data["parts"].items()}
    return Row(**{**data, "parts": parts, "metrics": {name: Aggregate(**own) for name, own in data["metrics"].items()}})
