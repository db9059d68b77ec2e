"""SQuAD as a set of questions with gold answers, split by article: learned on even ones, reported on odd ones."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 2026


@dataclass(frozen=True, slots=True)
class Item:
    """A question; ``golds`` is empty where the paragraph does not answer it."""

    text: str
    paragraph: str
    golds: tuple[str, ...]

    @property
    def article(self) -> str:
        return self.paragraph.rsplit("_", 1)[0]


def rows(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def answerable(folder: Path) -> list[Item]:
    """Questions of a folder in BEIR form with ``answers.jsonl`` beside."""
    golds = {row["_id"]: tuple(row["answers"]) for row in rows(folder / "answers.jsonl")}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8") as file:
        paragraph = dict(line.split("\t")[:2] for line in list(file)[1:])
    return [Item(row["text"], paragraph[row["_id"]], golds[row["_id"]]) for row in rows(folder / "queries.jsonl")]


def unanswerable(folder: Path) -> list[Item]:
    """Questions that read as if their paragraph answered them, and which it does not (SQuAD 2.0)."""
    return [Item(row["text"], row["para_id"], ()) for row in rows(folder / "unanswerable.jsonl")]


def parts(articles: Sequence[str]) -> dict[str, str]:
    """Part the articles by turns: even ones are for "learn" and "calibrate", odd ones for "report"."""
    names = sorted(set(articles))
    even = {name: "calibrate" if at % 3 == 2 else "learn" for at, name in enumerate(names[::2])}
    return {name: even.get(name, "report") for name in names}


def sample(items: Sequence[Item], count: int) -> list[Item]:
    """Draw questions without replacement; always the same ones."""
    return random.Random(SEED).sample(list(items), min(count, len(items)))


def holds_gold(text: str, golds: Sequence[str]) -> bool:
    """Tell whether a text contains a gold answer; case and white space do not matter."""
    return any(_plain(gold) in _plain(text) for gold in golds)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.lower()).strip()
