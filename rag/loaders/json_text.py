"""JSON files as lines of ``key: value``; JSON lines that hold a text as one document each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .draft import Draft
from .errors import LoadError
from .formats import ParseContext
from .plain import text_of
from .results import Failed, Parsed, metadata_of

_TEXT_KEYS = (
    "text", "content", "contents", "body", "passage", "answer", "answers", "response", "completion", "output", "reply",
    "abstract", "description", "a",
)  # fmt: skip
_LEADING_KEYS = (
    "question",
    "query",
    "prompt",
    "instruction",
    "input",
    "context",
    "q",
    "subject",
    "headline",
    "summary",
)
_LONG = 200  # characters; longer strings are text, not metadata
_ID_KEYS = ("_id", "id", "docid", "doc_id")
_MAX_NUMBERS = 16  # longer lists of numbers are vectors and pictures, not text


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read a JSON file; one that is really JSON lines is read as such."""
    text = text_of(data, context)
    try:
        value = json.loads(text)
    except ValueError as error:
        first = text.lstrip().partition("\n")[0]
        if "Extra data" in str(error) and first.startswith("{") and first.rstrip().endswith("}"):
            yield from parse_lines(data, context)
            return
        raise LoadError("parse", f"not valid JSON: {error}") from None
    draft = Draft(context.budget)
    add_value(value, draft)
    title = value.get("title") if isinstance(value, dict) else None
    yield draft.parsed(title if isinstance(title, str) and title else context.stem_title)


def parse_lines(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read JSON lines: records with a text become documents, others one document together; broken lines are listed."""
    rest = Draft(context.budget)
    seen: set[str] = set()
    for number, line in enumerate(text_of(data, context).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Failed(f"line {number}", "parse", f"line {number}: {error}", "jsonl")
            continue
        key = _text_key(record) if isinstance(record, dict) else ""
        if not key:
            rest.part()
            add_value(record, rest)
            continue
        parsed = _record(record, key, number, context)
        if parsed.member in seen:
            parsed = _record({k: v for k, v in record.items() if k not in _ID_KEYS}, key, number, context)
        seen.add(parsed.member)
        yield parsed
    others = rest.parsed(context.stem_title)
    if others.text or not seen:
        yield others


def _text_key(record: dict[str, object]) -> str:
    """Return the field that holds a record's text; empty if none does."""
    folded = {key.lower(): key for key in record}
    return next((k for key in _TEXT_KEYS if isinstance(record.get(k := folded.get(key, "")), str)), "")


def _record(record: dict[str, object], key: str, number: int, context: ParseContext) -> Parsed:
    """Make a document of a record: what leads to its text first, as a question to its answer, then the text."""
    leading = [k for name in _LEADING_KEYS for k in record if k.lower() == name and isinstance(record[k], str)]
    others = {k: v for k, v in record.items() if k not in {key, "title", "metadata", *leading, *_ID_KEYS}}
    long = [k for k, value in others.items() if isinstance(value, str) and len(value) > _LONG]
    draft = Draft(context.budget)
    for each in (*leading, key):
        draft.block(str(record[each]))
    for each in long:
        draft.block(_line(each, record[each]))
    name = next((str(record[k]) for k in _ID_KEYS if isinstance(record.get(k), str | int)), f"line {number}")
    title = next((t for k in ("title", *leading) if isinstance(t := record.get(k), str) and t.strip()), "")
    inner = record.get("metadata")
    fields = {k: v for k, v in others.items() if k not in long}
    return Parsed(
        draft.finish()[0],
        title if len(title) <= _LONG or "title" in record else "",
        metadata=metadata_of({**fields, **(inner if isinstance(inner, dict) else {})}),
        member=name,
    )


def add_value(value: object, draft: Draft, path: str = "", depth: int = 0) -> None:
    """Add a value: scalars as lines ``path: value``, records of a top-level list parted by empty lines."""
    if isinstance(value, dict):
        for key, inner in value.items():
            add_value(inner, draft, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and _numbers(value):
        shown = ", ".join(map(str, value))
        if len(value) <= _MAX_NUMBERS:
            draft.block(_line(path, shown), gap="\n")
        else:
            draft.leave_out("unread", shown)
    elif isinstance(value, list):
        for inner in value:
            if depth <= 1 and isinstance(inner, dict):
                draft.part()
            add_value(inner, draft, path, depth + 1)
    elif value not in (None, ""):
        draft.block(_line(path, value), gap="\n")


def _numbers(value: list[object]) -> bool:
    return all(isinstance(item, int | float) for item in value)


def _line(key: str, value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"{key}: {shown}" if key else shown
