"""The ``where`` language: which chunks a search may return.

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

Fields of a document are ``source``, ``type``, ``title``, ``document`` (its id) and ``modified``; of a chunk ``page``
and ``heading``. Every other name is a key of the metadata; ``metadata.KEY`` reaches a key that has the name of a
field, and quotes one that is no plain name: ``"Date of issue" >= "2024"``.

What each test means:

- A test on a field that is missing is false; ``!=`` and ``not in`` are the negations of ``==`` and ``in``, so they are
  true then. ``x == null`` says that ``x`` is missing or null, and ``exists(x)`` the opposite.
- Text is compared with text (by code point), numbers with numbers, and only ``==`` and ``!=`` know true and false.
  Between kinds nothing is equal, less or greater: ``year == "2020"`` does not find the number 2020.
- ``heading`` is a path: a test on it holds when it holds for one of its headings.
- ``modified`` compares with seconds since the epoch or with a date, ``"2024-05-01"`` or ``"2024-05-01T12:30"``, in UTC.

Everything that comes from the expression goes to SQLite as a parameter.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .documents import Scalar
from .errors import InvalidFilter

MAX_LENGTH = 8192
MAX_DEPTH = 50
MAX_TESTS = 256

_QUERY = """
    select c.id from documents d join sources s on s.id = d.source cross join chunks c on c.document = d.id where {}
"""

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
class Comparison(Node):
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
        if self.field in _COLUMNS:
            return self._on_column(*_COLUMNS[self.field])
        if self.field == "heading":
            sql, values = self._on_value("h.value", "h.type")
            return f"exists (select 1 from json_each(c.heading) h where {sql})", values  # noqa: S608 - all values are parameters
        sql, values = self._on_value("m.value", "m.type")
        return f"exists (select 1 from json_each(d.metadata) m where m.key = ? and {sql})", [_key(self.field), *values]  # noqa: S608 - as above

    def _with_null(self) -> Sql:
        missing = Not(Comparison(self.field, "exists"))
        rest = tuple(value for value in self.values if value is not None)
        return (Junction("or", (missing, Comparison(self.field, "in", rest))) if rest else missing).condition()

    def _on_column(self, column: str, kind: type) -> Sql:
        """Test a column of one kind, ``str`` or ``float``."""
        if self.op == "exists":
            # A document always has these texts; empty ones say nothing.
            return (f"({column} <> '')", []) if kind is str else (f"({column} is not null)", [])
        values = [value for value in self.values if _kind(value) is kind]
        if not values:
            return "0", []
        sql, parameters = _compare(column, self.op, values)
        return f"ifnull({sql}, 0)", parameters

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
    "type": ("d.type", str),
    "title": ("d.title", str),
    "document": ("d.name", str),
    "modified": ("d.modified", float),
    "page": ("c.page", float),
}
FIELDS = (*_COLUMNS, "heading")
_JSON_TYPES: dict[type, str] = {str: "'text'", float: "'integer', 'real'", bool: "'true', 'false'"}


def _kind(value: Scalar) -> type:
    if isinstance(value, bool):
        return bool
    return str if isinstance(value, str) else float


def _compare(column: str, op: str, values: Sequence[Scalar]) -> Sql:
    if op == "startswith":
        return f"substr({column}, 1, ?) = ?", [len(str(values[0])), values[0]]
    if op == "in":
        return f"{column} in (select value from json_each(?))", [json.dumps(list(values))]  # noqa: S608 - a column's name
    if isinstance(values[0], bool):
        return f"{column} = ?", [int(values[0])]
    return f"{column} {'=' if op == '==' else op} ?", [values[0]]


def _key(field: str) -> str:
    return field.removeprefix("metadata.")


def _spelled(field: str) -> str:
    return field if _NAME.fullmatch(field) and field.lower() not in _WORDS else json.dumps(field, ensure_ascii=False)


# ---- parsing --------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_SIGN = re.compile(r"==|!=|<=|>=|[<>()\[\],]")
_SPACE = re.compile(r"\s+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = frozenset({"and", "or", "not", "in", "exists", "startswith", "true", "false", "null", "none"})
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "none": None}
_ORDER = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # word, name, string, number, sign, end
    text: str
    start: int
    value: Scalar = None


def parse(where: str) -> Filter:
    """Parse a ``where`` expression; see the module's text for the language.

    Raises
    ------
    InvalidFilter
        It does not parse, or is longer or deeper than anybody writes; shows the place.

    Examples
    --------
    >>> str(parse("type == 'pdf' and not page > 3"))
    'type == "pdf" and not (page > 3)'
    """
    if not isinstance(where, str):
        raise InvalidFilter(f"a filter is a text such as 'type == \"pdf\"', got {type(where).__name__}")
    if len(where) > MAX_LENGTH:
        raise InvalidFilter(f"the filter has {len(where)} characters, at most {MAX_LENGTH} are read; shorten it")
    return Filter(_Parser(where).whole())


class _Parser:
    def __init__(self, where: str) -> None:
        self.where = where
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0
        self.tests = 0

    def whole(self) -> Node:
        if self.now.kind == "end":
            raise self.wrong(self.now, "the filter is empty")
        node = self.expression()
        if self.now.kind != "end":
            raise self.wrong(self.now, "expected 'and', 'or' or the end")
        return node

    # ---- tokens ---------------------------------------------------------------------------------------------

    def _tokens(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self.where):
            if space := _SPACE.match(self.where, at):
                at = space.end()
                continue
            token = self._token(at)
            tokens.append(token)
            at += len(token.text)
        return [*tokens, _Token("end", "", len(self.where))]

    def _token(self, at: int) -> _Token:
        if found := _NUMBER.match(self.where, at):
            return _Token("number", found[0], at, self._number(found[0], at))
        if found := _NAME.match(self.where, at):
            return _Token("word" if found[0].lower() in _WORDS else "name", found[0], at)
        if found := _STRING.match(self.where, at):
            return _Token("string", found[0], at, self._string(found[0], at))
        if found := _SIGN.match(self.where, at):
            return _Token("sign", found[0], at)
        here = _Token("sign", self.where[at], at)
        if self.where[at] in "\"'":
            raise self.wrong(here, "this quote is not closed")
        raise self.wrong(
            here, "write '==' to compare" if self.where[at] == "=" else "this character has no meaning here"
        )

    def _number(self, text: str, at: int) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise self.wrong(_Token("number", text, at), "this number is too large")
        return int(text) if re.fullmatch(r"[+-]?\d+", text) and len(text) < 19 else value

    def _string(self, text: str, at: int) -> str:
        def meant(escape: re.Match[str]) -> str:
            return chr(int(escape[1], 16)) if escape[1] else _ESCAPES.get(escape[2], escape[2])

        value = _ESCAPE.sub(meant, text[1:-1])
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.wrong(_Token("string", text, at), "half a surrogate pair is no text") from None
        return value

    # ---- grammar --------------------------------------------------------------------------------------------

    @property
    def now(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.now
        self.at += token.kind != "end"
        return token

    def word(self, *words: str) -> bool:
        """Take one of these words or signs if it comes next."""
        matches = self.now.kind in ("word", "sign") and self.now.text.lower() in words
        self.at += matches
        return matches

    def expression(self) -> Node:
        return self.joined("or", lambda: self.joined("and", self.negation))

    def joined(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self.word(word):
            parts.append(part())
        return Junction(word, tuple(parts)) if len(parts) > 1 else parts[0]

    def negation(self) -> Node:
        start = self.now
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(start, f"nested more than {MAX_DEPTH} deep")
        if self.word("not"):
            node: Node = Not(self.negation())
        elif self.word("("):
            node = self.expression()
            self.close(")", start)
        else:
            node = self.test()
        self.depth -= 1
        return node

    def test(self) -> Node:
        self.tests += 1
        if self.tests > MAX_TESTS:
            raise self.wrong(self.now, f"more than {MAX_TESTS} tests; use 'in [...]' for many values")
        start = self.now
        if self.word("exists"):
            if not self.word("("):
                raise self.wrong(self.now, "expected '(' and a field, as in exists(page)")
            node = Comparison(self.field(), "exists")
            self.close(")", start)
            return node
        field = self.field()
        return self.operator(field)

    def field(self) -> str:
        token = self.take()
        if token.kind == "name":
            return token.text
        if token.kind == "string" and token.value:
            name = str(token.value)
            return name if name not in FIELDS else f"metadata.{name}"
        raise self.wrong(token, "expected a field, such as type, title or a metadata key")

    def operator(self, field: str) -> Node:
        sign = self.now
        if self.word("==", "!=", *_ORDER):
            test = Comparison(field, "==" if sign.text == "!=" else sign.text, (self.value(field, sign.text),))
            return Not(test) if sign.text == "!=" else test
        negated = self.word("not")
        if self.word("in"):
            test = Comparison(field, "in", self.list(field))
            return Not(test) if negated else test
        if not negated and self.word("startswith"):
            if self.now.kind != "string":
                raise self.wrong(self.now, "expected a text in quotes after startswith")
            return Comparison(field, "startswith", (self.take().value,))
        raise self.wrong(self.now, "expected ==, !=, <, <=, >, >=, in, not in or startswith")

    def list(self, field: str) -> tuple[Scalar, ...]:
        start = self.now
        if not self.word("[", "("):
            raise self.wrong(start, "expected a list, such as ['pdf', 'md']")
        end = "]" if start.text == "[" else ")"
        values = [self.value(field, "in")]
        while self.word(","):
            values.append(self.value(field, "in"))
        self.close(end, start)
        return tuple(values)

    def value(self, field: str, op: str) -> Scalar:
        token = self.take()
        if token.kind == "word" and token.text.lower() in _CONSTANTS:
            value = _CONSTANTS[token.text.lower()]
            if op in _ORDER:
                raise self.wrong(token, f"{token.text} has no order; compare it with == or !=")
            return value
        if token.kind == "name":
            raise self.wrong(token, f"put text in quotes: {json.dumps(token.text)}")
        if token.kind not in ("string", "number"):
            raise self.wrong(token, "expected a text in quotes, a number, true, false or null")
        if field == "modified" and isinstance(token.value, str):
            return self.seconds(token)
        return token.value

    def seconds(self, token: _Token) -> float:
        try:
            moment = dt.datetime.fromisoformat(str(token.value))
        except ValueError:
            raise self.wrong(token, "expected a date, such as '2024-05-01' or '2024-05-01T12:30'") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()

    def close(self, sign: str, opened: _Token) -> None:
        if not self.word(sign):
            raise self.wrong(self.now, f"expected '{sign}' for the one opened at character {opened.start + 1}")

    def wrong(self, token: _Token, text: str) -> InvalidFilter:
        """Make the error: what, and a caret under where."""
        begin = max(0, token.start - 60)
        line = self.where[begin : token.start + 60]
        shown = "".join(c if c.isprintable() else " " for c in line)
        return InvalidFilter(f"{text} (character {token.start + 1})\n  {shown}\n  {' ' * (token.start - begin)}^")
