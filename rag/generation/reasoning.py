"""Thoughts are no part of an answer: the ``<think>...</think>`` that reasoning models begin with is left out.

Servers that know the model part the two themselves; where one does not, its tags arrive in the text. Only what stands
at the very beginning counts, so that an answer about such tags stays whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from .language_model import Completion

OPEN, CLOSE = "<think>", "</think>"
_CUT = "the model was cut off while it was still thinking"


def spoken(completion: Completion) -> Completion:
    """Return a completion without the thoughts that its texts begin with.

    A text whose thoughts do not end says nothing: it is empty, and the completion is marked incomplete.
    """
    texts = tuple(map(_spoken, completion.texts))
    if texts == completion.texts:
        return completion
    unfinished = any(
        before.strip() and not after.strip() for before, after in zip(completion.texts, texts, strict=True)
    )
    return dataclasses.replace(
        completion,
        texts=texts,
        incomplete=completion.incomplete or unfinished,
        reason=completion.reason or (_CUT if unfinished else ""),
    )


def spoken_stream(pieces: Generator[str, None, Completion]) -> Generator[str, None, Completion]:
    """Do as `spoken` does, piece by piece; nothing is held back but what may yet become a tag."""
    held, decided = "", False
    try:
        while True:
            piece = next(pieces)
            if decided:
                yield piece
                continue
            held += piece
            begun = held.lstrip()
            if begun.startswith(OPEN):
                said = _spoken(held)
            elif OPEN.startswith(begun):
                said = ""
            else:
                said = held
            if said:
                decided = True
                yield said
    except StopIteration as end:
        if not decided and held and not held.lstrip().startswith(OPEN):
            yield held
        completion: Completion = end.value
        return spoken(completion)
    finally:
        pieces.close()


def _spoken(text: str) -> str:
    if not text.lstrip().startswith(OPEN):
        return text
    return text.partition(CLOSE)[2].lstrip()
