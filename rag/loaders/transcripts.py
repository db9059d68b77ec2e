"""Transcripts and subtitles, WebVTT and SubRip: what is said, with the time it is said at."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from .draft import Draft
from .errors import LoadError
from .formats import ParseContext
from .plain import text_of
from .results import Parsed

_TIMES = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})[ \t]{1,9}-->[ \t]{1,9}[\d:.,]{4,15}(.*)$")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,99})?\s([^<>]{1,100})>")
_TAG = re.compile(r"</?[a-z](?:[^<>]{0,200})>|<[\d:.]{4,20}>|\{\\[^{}]{1,100}\}", re.IGNORECASE)
_GROUP = 300  # characters; a passage shorter than that goes on
_PAUSE = 5.0  # seconds from one cue to the next that end a passage after a sentence
_ENDS = (".", "!", "?", "…", "。", "！", "？")


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a transcript; passages of some sentences have the time of their first words."""
    draft = Draft(context.budget)
    passage: list[str] = []
    begun = last = 0.0
    found = False
    for start, lines in _cues(text_of(data, context), draft):
        found = True
        fresh = [line for line in lines if line not in passage[-2:]]  # captions that roll repeat their last line
        size = sum(map(len, passage))
        if passage and passage[-1].endswith(_ENDS) and (size > _GROUP or start - last > _PAUSE):
            _add(passage, begun, draft)
        if not passage:
            begun = start
        passage += fresh
        last = start
    _add(passage, begun, draft)
    if not found:
        raise LoadError("parse", "not a transcript: no line has two times with an arrow between them")
    yield draft.parsed(context.stem_title)


def _add(passage: list[str], begun: float, draft: Draft) -> None:
    draft.time(begun)
    draft.block(" ".join(passage))
    passage.clear()


def _cues(text: str, draft: Draft) -> Iterator[tuple[float, list[str]]]:
    """Yield the cues: seconds from the start, and the lines said."""
    lines: list[str] | None = None
    start = 0.0
    for line in (*text.split("\n"), ""):
        if match := _TIMES.match(line):
            hours, minutes, seconds, fraction = match.groups("0")[:4]
            start = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")
            lines = []
        elif not line.strip():
            if lines:
                yield start, lines
            lines = None
        elif lines is not None:
            if said := _said(line):
                lines.append(said)
        else:
            draft.leave_out("markup", line)  # numbers and names of cues, notes, styles


def _said(line: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", _VOICE.sub(r"\1: ", line))).split())
