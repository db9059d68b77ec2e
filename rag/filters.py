"""The ``where`` language: filters for the chunks that a search may return.

::

    expression  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | "(" expression ")" | test
    test        = field ("==" | "!=" | "<" | "<=" | ">" | ">=") value
                | field ["not"] "in" "[" value { "," value } "]"
                | field "startswith" string
                | "exists" "(" field ")"
    field       = name | name "." name ... | quoted
    value       = string | number | true | false | null

Fields of a document are ``source``, ``type``, ``title``, ``document`` (its id), ``language`` (``de``, ``zh`` ...; its
metadata's, else as detected) and ``modified``; of a chunk ``page`` and ``heading``. Every other name is a key of the
metadata; ``metadata.KEY`` reaches a key that has the name of a field, and quotes one that is
not a plain name: ``"Date of issue" >= "2024"``.

The meaning of each test:

- A test on a field that is missing is false; ``!=`` and ``not in`` are the negations of ``==`` and ``in``, so they are
  true then. ``x == null`` says that ``x`` is missing or null, and ``exists(x)`` the opposite.
- Text is compared with text (by code point), numbers with numbers, and only ``==`` and ``!=`` know true and false.
  Between kinds nothing is equal, less or greater: ``year == "2020"`` does not find the number 2020.
- ``heading`` is a path, a chunk may run over several pages, and a metadata value may be a list: a test on it holds
  when it holds for one of its elements.
- ``modified`` compares with seconds since the epoch or with a date, ``"2024-05-01"`` or ``"2024-05-01T12:30"``, in UTC.

Everything that comes from the expression goes to SQLite as a parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .documents.document import ACL, Scalar

NAME = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*")
WORDS = frozenset({"and", "or", "not", "in", "exists", "startswith", "true", "false", "null", "none"})

_QUERY = """
    select c.id from documents d join sources s on s.id = d.source cross join chunks c on c.document = d.id
    where {} and s.name not in (
        select substr(key, 16) from meta where key >= 'setting:hidden:' and key < 'setting:hidden;')
"""
VISIBLE = _QUERY.format("1").strip()
"""Query for the chunks of all sources that are not hidden, see `rag.store.hiding`."""

Sql = tuple[str, list[Any]]


class Node:
    """A parsed expression; ``str`` of it parses to the same."""

    def condition(self) -> Sql:
        """Return an SQL condition that is 0 or 1, never NULL, and its parameters."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed ``where``. Equal texts of it mean the same."""

    root: Node

    def __str__(self) -> str:
        return str(self.root)

    def sql(self) -> tuple[str, list[Any]]:
        """Return a query for the ids of the allowed chunks, and its parameters."""
        condition, values = self.root.condition()
        return _QUERY.format(condition).strip(), values

    def both(self, other: Filter | None) -> Filter:
        """Return the filter that allows what this one and the other allow.

        Parsed filters are joined, never their texts: a parenthesis in a text could end one and begin another.
        """
        return self if other is None else Filter(Junction("and", (self.root, other.root)))


def readable_by(groups: Iterable[str]) -> Filter:
    """Return the filter that allows documents that one of the groups may read; of no group it allows none."""
    return Filter(FieldTest(ACL, "in", tuple(sorted(groups))))


@dataclass(frozen=True, slots=True)
class Junction(Node):
    """``and`` or ``or``."""

    word: str
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return f" {self.word} ".join(f"({part})" if isinstance(part, Junction) else str(part) for part in self.parts)

    def condition(self) -> Sql:
        """See `Node`."""
        sqls = [part.condition() for part in self.parts]
        return "(" + f" {self.word} ".join(sql for sql, _ in sqls) + ")", [v for _, values in sqls for v in values]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """Negation."""

    part: Node

    def __str__(self) -> str:
        return f"not ({self.part})"

    def condition(self) -> Sql:
        """See `Node`."""
        sql, values = self.part.condition()
        return f"not {sql}", values


@dataclass(frozen=True, slots=True)
class FieldTest(Node):
    """One test on one field. ``op`` is ``==``, ``<``, ``<=``, ``>``, ``>=``, ``in``, ``startswith`` or ``exists``."""

    field: str
    op: str
    values: tuple[Scalar, ...] = ()

    def __str__(self) -> str:
        name = _spelled(self.field)
        if self.op == "exists":
            return f"exists({name})"
        shown = [json.dumps(value, ensure_ascii=False) for value in self.values]
        return f"{name} in [{', '.join(shown)}]" if self.op == "in" else f"{name} {self.op} {shown[0]}"

    def condition(self) -> Sql:
        """See `Node`."""
        if None in self.values:
            return self._with_null()
        if self.field == "page":
            return self._on_pages()
        if self.field in _COLUMNS:
            return self._on_column(*_COLUMNS[self.field])
        if self.field == "language":
            return self._on_language()
        if self.field == "heading":
            sql, values = self._on_value("h.value", "h.type")
            return f"exists (select 1 from json_each(c.heading) h where {sql})", values  # noqa: S608 - all values are parameters
        one, values = self._on_value("m.value", "m.type")
        some, again = self._on_value("e.value", "e.type")
        elements = "json_each(case m.type when 'array' then m.value else '[]' end) e"
        test = f"({one} or exists (select 1 from {elements} where {some}))"  # noqa: S608 - all values are parameters
        sql = f"exists (select 1 from json_each(d.metadata) m where m.key = ? and {test})"  # noqa: S608 - as above
        return sql, [_key(self.field), *values, *again]

    def _with_null(self) -> Sql:
        missing = Not(FieldTest(self.field, "exists"))
        rest = tuple(value for value in self.values if value is not None)
        return (Junction("or", (missing, FieldTest(self.field, "in", rest))) if rest else missing).condition()

    def _on_column(self, column: str, kind: type) -> Sql:
        """Test a column of one kind, ``str`` or ``float``."""
        if self.op == "exists":
            return f"({column} is not null)", []
        values = [value for value in self.values if _kind(value) is kind]
        if not values:
            return "0", []
        sql, parameters = _compare(column, self.op, values)
        return f"ifnull({sql}, 0)", parameters

    def _on_pages(self) -> Sql:
        """Test the pages of a chunk, which run from ``c.page`` to ``c.last_page``: one of them has to fit."""
        if self.op in {"<", "<=", "exists"}:
            return self._on_column("c.page", float)
        if self.op in {">", ">="}:
            return self._on_column("c.last_page", float)
        pages = [value for value in self.values if _kind(value) is float]
        sql = """ifnull(exists (select 1 from json_each(?)
                 where value between c.page and c.last_page and value = cast(value as integer)), 0)"""
        return sql, [json.dumps(pages)]

    def _on_language(self) -> Sql:
        """Test what a document says of itself, else the language that was detected."""
        own, values = FieldTest("metadata.language", self.op, self.values).condition()
        detected, more = self._on_column("nullif(d.language, '')", str)
        return f"({own} or (d.metadata ->> '$.language' is null and {detected}))", [*values, *more]

    def _on_value(self, value: str, type_: str) -> Sql:
        """Test a JSON value; kinds never mix."""
        if self.op == "exists":
            return f"{type_} <> 'null'", []
        parts: list[str] = []
        parameters: list[Any] = []
        for kind, names in _JSON_TYPES.items():
            of_kind = [v for v in self.values if _kind(v) is kind]
            if of_kind:
                sql, new = _compare(value, self.op, of_kind)
                parts.append(f"{type_} in ({names}) and {sql}")
                parameters += new
        return "(" + (" or ".join(parts) or "0") + ")", parameters


_COLUMNS: dict[str, tuple[str, type]] = {
    "source": ("s.name", str),
    "type": ("nullif(d.type, '')", str),
    "title": ("nullif(d.title, '')", str),  # an empty one is none
    "document": ("d.name", str),
    "modified": ("d.modified", float),
    "page": ("c.page", float),
}
FIELDS = (*_COLUMNS, "heading", "language")
_JSON_TYPES: dict[type, str] = {str: "'text'", float: "'integer', 'real'", bool: "'true', 'false'"}


def _kind(value: Scalar) -> type:
    if isinstance(value, bool):
        return bool
    return str if isinstance(value, str) else float


def _compare(column: str, op: str, values: Sequence[Scalar]) -> Sql:
    if op == "startswith":
        prefix = str(values[0]).encode("utf-8", "surrogatepass")  # as bytes: SQLite's texts end for substr at U+0000
        if not prefix:
            return f"{column} is not null", []
        return f"substr(cast({column} as blob), 1, ?) = ?", [len(prefix), prefix]
    if op == "in":
        return f"{column} in (select value from json_each(?))", [json.dumps(list(values))]  # noqa: S608 - a column's name
    if isinstance(values[0], bool):
        return f"{column} = ?", [int(values[0])]
    return f"{column} {'=' if op == '==' else op} ?", [values[0]]


def _key(field: str) -> str:
    return field.removeprefix("metadata.")


def _spelled(field: str) -> str:
    return field if NAME.fullmatch(field) and field.lower() not in WORDS else json.dumps(field, ensure_ascii=False)
