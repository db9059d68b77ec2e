"""JSON as lines of ``key: value``; JSON lines with a text of their own as one document each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .draft import Draft
from .formats import Context
from .plain import text_of
from .results import Failed, LoadError, Parsed, scalars

_TEXT_KEYS = ("text", "content", "contents", "body", "passage")
_ID_KEYS = ("_id", "id", "docid", "doc_id")


def parse(data: bytes, context: Context) -> Iterator[Parsed | Failed]:
    """Read a JSON file; one that is really JSON lines is read as such."""
    text = text_of(data, context)
    try:
        value = json.loads(text)
    except ValueError as error:
        first = text.lstrip().partition("\n")[0]
        if "Extra data" in str(error) and first.startswith("{") and first.rstrip().endswith("}"):
            yield from parse_lines(data, context)
            return
        raise LoadError("parse", f"no valid JSON: {error}") from None
    draft = Draft(context.budget)
    add_value(value, draft)
    body, sections = draft.finish()
    title = value.get("title") if isinstance(value, dict) else None
    yield Parsed(body, title if isinstance(title, str) and title else context.stem_title, sections=sections)


def parse_lines(data: bytes, context: Context) -> Iterator[Parsed | Failed]:
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
        key = next((k for k in _TEXT_KEYS if isinstance(record.get(k), str)), "") if isinstance(record, dict) else ""
        if not key:
            add_value(record, rest)
            continue
        parsed = _record(record, key, number, context)
        if parsed.member in seen:
            parsed = _record({k: v for k, v in record.items() if k not in _ID_KEYS}, key, number, context)
        seen.add(parsed.member)
        yield parsed
    body, sections = rest.finish()
    if body or not seen:
        yield Parsed(body, context.stem_title, sections=sections)


def _record(record: dict[str, object], key: str, number: int, context: Context) -> Parsed:
    draft = Draft(context.budget)
    draft.block(str(record[key]))
    text, _ = draft.finish()
    name = next((str(record[k]) for k in _ID_KEYS if isinstance(record.get(k), str | int)), f"line {number}")
    title = record.get("title")
    inner = record.get("metadata")
    fields = {k: v for k, v in record.items() if k not in {key, "title", "metadata", *_ID_KEYS}}
    return Parsed(
        text,
        title if isinstance(title, str) else "",
        metadata=scalars({**fields, **(inner if isinstance(inner, dict) else {})}),
        member=name,
    )


def add_value(value: object, draft: Draft, path: str = "") -> None:
    """Add a value: scalars of an object as lines ``path: value``, its objects and lists after them as blocks."""
    if isinstance(value, dict):
        plain = {k: v for k, v in value.items() if not isinstance(v, dict | list)}
        draft.block("\n".join(_line(f"{path}{k}", v) for k, v in plain.items() if v not in (None, "")))
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                add_value(inner, draft, f"{path}{key}.")
    elif isinstance(value, list):
        plain_items = [item for item in value if not isinstance(item, dict | list)]
        draft.block("\n".join(_line(path.rstrip("."), item) for item in plain_items))
        for inner in value:
            if isinstance(inner, dict | list):
                add_value(inner, draft, path)
    else:
        draft.block(_line(path.rstrip("."), value))


def _line(key: str, value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"{key}: {shown}" if key else shown
