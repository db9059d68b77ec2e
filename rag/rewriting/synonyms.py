"""Synonyms from a user's file: a line is a group of words or phrases that mean the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ..errors import InvalidInput
from .corpus import Corpus
from .protocol import QueryDraft

_MOST = 5
_LARGEST = 20_000_000


class SynonymExpander:
    """Adds the other words of a group behind a question that holds one of them.

    Parameters
    ----------
    file
        UTF-8; a line is ``car, automobile, motor car``; ``#`` begins a comment.

    Raises
    ------
    InvalidInput
        The file cannot be read, or a line is not a group.
    """

    name = "synonyms"
    waits = False

    def __init__(self, *, file: str) -> None:
        self._groups = _groups(Path(file))
        words = sorted({w for group in self._groups for w in group}, key=len, reverse=True)
        joined = "|".join(re.escape(word) for word in words)
        self._pattern = re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE) if words else None

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with synonyms behind it."""
        if self._pattern is None:
            return asked
        there = {match.lower() for match in self._pattern.findall(asked.text)}
        own = [w for group in self._groups if there & set(group) for w in group if w not in there]
        added = list(dict.fromkeys(own))[:_MOST]
        return replace(asked, text=f"{asked.text} ({', '.join(added)})") if added else asked


def _groups(path: Path) -> list[tuple[str, ...]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidInput(f"{path} is larger than {_LARGEST:,} bytes; that is not a list of synonyms")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(f"cannot read the synonyms {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        words = tuple(w.strip().lower() for w in line.partition("#")[0].split(",") if w.strip())
        if len(words) == 1:
            raise InvalidInput(f"{path}:{number}: {words[0]!r} has no synonym on its line; write one")
        if words:
            found.append(words)
    return found
