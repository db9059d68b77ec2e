"""Filters as conditions of PostgreSQL: the meaning is that of `rag.filters`, and all values are parameters.

Of a condition's names, ``d`` is the document, ``s`` its source and ``c`` the chunk. A condition is never null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...documents.document import Scalar
from ...filters import FieldTest, Filter, Junction, Node, Not
from .escaping import escaped
from .rows import NULL, NUMBER, TEXT, TRUTH, exact, name_key

Condition = tuple[str, list[Any]]

VISIBLE = "not exists (select 1 from settings x where x.name = 'hidden:' || s.name)"
CHUNKS = "chunks c join documents d on d.id = c.document join sources s on s.id = d.source"
"""Tables of a query that a condition belongs to."""

_COLUMNS: dict[str, tuple[str, type]] = {
    "source": ("s.name", str),
    "type": ("nullif(d.type, '')", str),
    "title": ("nullif(d.title, '')", str),
    "document": ("d.name", str),
    "modified": ("d.modified", float),
    "page": ("c.page", float),
}
_KEYS = {"source": "s.key", "document": "d.key"}
_LEFT = 64  # as the index has it


def condition(where: Filter | None) -> Condition:
    """Return the condition that a chunk is allowed by a filter, and not hidden."""
    if where is None:
        return VISIBLE, []
    sql, values = _of(where.root)
    return f"{sql} and {VISIBLE}", values


def _of(node: Node) -> Condition:
    if isinstance(node, Junction):
        parts = [_of(part) for part in node.parts]
        return "(" + f" {node.word} ".join(sql for sql, _ in parts) + ")", [v for _, values in parts for v in values]
    if isinstance(node, Not):
        sql, values = _of(node.part)
        return f"not {sql}", values
    assert isinstance(node, FieldTest)  # noqa: S101 - there are three kinds; tells mypy
    return _test(node)


def _test(test: FieldTest) -> Condition:
    if None in test.values:
        missing = Not(FieldTest(test.field, "exists"))
        rest = tuple(value for value in test.values if value is not None)
        return _of(Junction("or", (missing, FieldTest(test.field, "in", rest))) if rest else missing)
    if test.field == "page":
        return _pages(test)
    if test.field in _COLUMNS:
        return _column(test, *_COLUMNS[test.field])
    if test.field == "language":
        own, values = _metadata("language", test)
        detected, more = _column(test, "nullif(d.language, '')", str)
        absent = _exists("language", f"f.kind <> {NULL}")
        return f"({own} or (not {absent[0]} and {detected}))", [*values, *absent[1], *more]
    if test.field == "heading":
        return _heading(test)
    return _metadata(test.field.removeprefix("metadata."), test)


def _kind(value: Scalar) -> type:
    if isinstance(value, bool):
        return bool
    return str if isinstance(value, str) else float


def _column(test: FieldTest, column: str, kind: type) -> Condition:
    if test.op == "exists":
        return f"({column} is not null)", []
    values = [value for value in test.values if _kind(value) is kind]
    if not values:
        return "false", []
    if test.op in {"==", "in"} and test.field in _KEYS:
        return f"({_KEYS[test.field]} = any(%s))", [[name_key(_encodable(str(value))) for value in values]]
    sql, parameters = _compare(column, test.op, values)
    return f"coalesce({sql}, false)", parameters


def _pages(test: FieldTest) -> Condition:
    if test.op in {"<", "<=", "exists"}:
        return _column(test, "c.page", float)
    if test.op in {">", ">="}:
        return _column(test, "c.last_page", float)
    pages = [exact(value) for value in test.values if _kind(value) is float]
    sql = "exists (select 1 from unnest(%s::numeric[]) v where v between c.page and c.last_page and v = trunc(v))"
    return f"coalesce({sql}, false)", [pages]


def _heading(test: FieldTest) -> Condition:
    if test.op == "exists":
        return "(cardinality(c.heading) > 0)", []
    values = [value for value in test.values if isinstance(value, str)]
    if not values:
        return "false", []
    sql, parameters = _compare("h", test.op, values)
    return f"exists (select 1 from unnest(c.heading) h where {sql})", parameters  # noqa: S608 - parameters only


def _metadata(key: str, test: FieldTest) -> Condition:
    if test.op == "exists":
        return _exists(key, f"f.kind <> {NULL}")
    parts: list[str] = []
    parameters: list[Any] = []
    for kind, number, column in ((str, TEXT, "f.text"), (float, NUMBER, "f.number"), (bool, TRUTH, "f.number")):
        of_kind = [value for value in test.values if _kind(value) is kind]
        if not of_kind:
            continue
        sql, new = _compare(column, test.op, of_kind)
        if kind is str and test.op in {"==", "in"}:  # so that the index finds it
            sql = f"left(f.text, {_LEFT}) = any(%s) and {sql}"
            new = [[str(escaped(_encodable(str(value))))[:_LEFT] for value in of_kind], *new]
        parts.append(f"f.kind = {number} and {sql}")
        parameters += new
    return _exists(key, "(" + " or ".join(parts) + ")", parameters) if parts else ("false", [])


def _exists(key: str, test: str, values: Sequence[Any] = ()) -> Condition:
    name = escaped(_encodable(key))
    sql = f"d.id in (select f.document from facts f where left(f.key, {_LEFT}) = %s and f.key = %s and {test})"  # noqa: S608 - parameters only
    return f"({sql})", [name[:_LEFT], name, *values]


def _compare(column: str, op: str, values: Sequence[Scalar]) -> Condition:
    texts = [escaped(_encodable(value)) for value in values if isinstance(value, str)]
    if op == "startswith":
        return f"starts_with({column}, %s)", texts[:1] or [str(values[0])]
    if texts:
        kind, given = "text", list[Any](texts)
    else:
        kind, given = "numeric", [exact(value) for value in values]
        column = f"{column}::numeric" if "modified" in column else column
    if op == "in":
        return f"{column} = any(%s::{kind}[])", [given]
    return f"{column} {'=' if op == '==' else op} %s::{kind}", [given[0]]


def _encodable(text: str) -> str:
    """Return a text that can be sent; what is stored has no lone surrogates, so one with them equals nothing."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
