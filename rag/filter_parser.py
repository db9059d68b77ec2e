"""The parser of ``where`` expressions, by recursive descent; `rag.filters` describes the language."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from .documents.document import Scalar, composed
from .errors import InvalidFilter
from .filters import FIELDS, NAME, WORDS, FieldTest, Filter, Junction, Node, Not

MAX_LENGTH = 8192
MAX_DEPTH = 50
MAX_TESTS = 256

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_SIGN = re.compile(r"==|!=|<=|>=|[<>()\[\],]")
_SPACE = re.compile(r"\s+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "none": None}
_ORDER = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # word, name, string, number, sign, end
    text: str
    start: int
    value: Scalar = None


def parse(where: str) -> Filter:
    """Parse a ``where`` expression; `rag.filters` describes the language.

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
        raise InvalidFilter(
            f"a filter is a text such as 'type == \"pdf\" and year >= 2025', got {type(where).__name__}"
        )
    if len(where) > MAX_LENGTH:
        raise InvalidFilter(f"the filter has {len(where)} characters, at most {MAX_LENGTH} are read; shorten it")
    return Filter(_Parser(where).whole())


class _Parser:
    """Reads one expression."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0
        self.tests = 0

    def whole(self) -> Node:
        """Return the expression; nothing may follow it."""
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
        if found := NAME.match(self.where, at):
            return _Token("word" if found[0].lower() in WORDS else "name", found[0], at)
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
            raise self.wrong(_Token("string", text, at), "half a surrogate pair is not text") from None
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
            node = FieldTest(self.field(), "exists")
            self.close(")", start)
            return node
        field = self.field()
        return self.operator(field)

    def field(self) -> str:
        token = self.take()
        if token.kind == "name":
            return composed(token.text)
        if token.kind == "string" and token.value:
            name = composed(str(token.value))
            return name if name not in FIELDS else f"metadata.{name}"
        raise self.wrong(token, "expected a field, such as type, title or a metadata key")

    def operator(self, field: str) -> Node:
        sign = self.now
        if self.word("==", "!=", *_ORDER):
            test = FieldTest(field, "==" if sign.text == "!=" else sign.text, (self.value(field, sign.text),))
            return Not(test) if sign.text == "!=" else test
        negated = self.word("not")
        if self.word("in"):
            test = FieldTest(field, "in", self.list(field))
            return Not(test) if negated else test
        if not negated and self.word("startswith"):
            if self.now.kind != "string":
                raise self.wrong(self.now, "expected a text in quotes after startswith")
            return FieldTest(field, "startswith", (composed(str(self.take().value)),))
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
        return composed(token.value) if isinstance(token.value, str) else token.value

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
        """Make the error, with a caret under the place."""
        begin = max(0, token.start - 60)
        line = self.where[begin : token.start + 60]
        shown = "".join(c if c.isprintable() else " " for c in line)
        return InvalidFilter(f"{text} (character {token.start + 1})\n  {shown}\n  {' ' * (token.start - begin)}^")
