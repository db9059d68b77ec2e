"""Values as files have them: empty cells, lists in several spellings, truth values, whole numbers.

What pandas and Python write is read as it was meant: NaN and ``None`` are empty, 1.0 is true, ``['a', 'b']`` and
numpy's ``['a' 'b']`` are lists. What could mean two things is refused by name.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import math
import re
import tokenize
from typing import Any

_EMPTY = frozenset({"", "nan", "none", "null", "<na>", "nat", "n/a"})
_TRUE = frozenset({"true", "1", "1.0", "yes", "y", "t"})
_FALSE = frozenset({"false", "0", "0.0", "no", "n", "f"})
_NAMES = {"nan": "None", "null": "None", "true": "True", "false": "False"}
_WRAPPED = re.compile(
    r"(?:np\.|numpy\.)?(?:array|frozenset|set|tuple|list)\((.*?)(?:,\s*dtype=[\w.'<>|]+)?\)", re.DOTALL
)
_LONGEST = 10_000_000  # characters of a list that are parsed


def is_empty(value: object) -> bool:
    """Whether a value says that there is none: null, NaN, an empty text or list."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value in ("", [], {}, ())


def says_empty(value: object) -> bool:
    """Whether a text is what programs write for an empty cell, such as ``nan`` or ``None``."""
    return isinstance(value, str) and value.strip().casefold() in _EMPTY


def decoded(value: Any, field: str) -> Any:  # noqa: ANN401 - whatever a list holds
    """Read a list or an object that is written as text; other values are returned as they are.

    Raises
    ------
    ValueError
        The text begins and ends as a list does, and is none.
    """
    if not isinstance(value, str):
        return value
    wrapped = _WRAPPED.fullmatch(value.strip())
    text = wrapped[1].strip() if wrapped else value.strip()
    if (text[:1], text[-1:]) == ("(", ")"):
        return _tuple(text, value)
    if (text[:1], text[-1:]) not in {("[", "]"), ("{", "}")}:
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _python(text)
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError):
        begin = text[:20] + ("..." if len(text) > 20 else "")
        raise ValueError(
            f'{field} has {begin!r}, which is not a list; write ["...", "..."], as JSON does, also of a single text'
        ) from None


def _tuple(text: str, value: str) -> Any:  # noqa: ANN401
    """Return a tuple as Python prints it; words in brackets are a text."""
    with contextlib.suppress(ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError):
        found = _python(text)
        return found if isinstance(found, tuple) else value
    return value


def _python(text: str) -> Any:  # noqa: ANN401
    """Read a list as Python or numpy prints it. Numpy has no commas, and Python would join such texts into one."""
    if len(text) > _LONGEST:
        raise ValueError("too long")
    kept: list[str] = []
    before = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.STRING, tokenize.NUMBER, tokenize.NAME}:
            if before in {tokenize.STRING, tokenize.NUMBER, tokenize.NAME}:
                kept.append(",")
            kept.append(_NAMES.get(token.string.casefold(), token.string))
            before = token.type
        elif token.type == tokenize.OP:
            kept.append(token.string)
            before = token.type
    found = ast.literal_eval("".join(kept))
    if _has_dots(found):
        raise ValueError("cut off")
    return found


def _has_dots(value: object) -> bool:
    if isinstance(value, list | tuple | set):
        return any(map(_has_dots, value))
    return value is ...


def values(value: Any, field: str) -> list[Any]:  # noqa: ANN401
    """Return the values of a list, empty ones left out; a single value is a list of one."""
    found = decoded(value, field)
    many = sorted(found, key=str) if isinstance(found, set) else found if isinstance(found, list | tuple) else [found]
    return [each for each in many if not is_empty(each)]


def name_of(value: object) -> str:
    """Return the text of an id: 1.0, which pandas makes of 1 beside an empty cell, is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def whole(value: Any, field: str) -> int:  # noqa: ANN401
    """Return a whole number; 1.0 and "1.0" are 1.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(value, bool):
        try:
            number = float(value)
            if number.is_integer():
                return int(value) if isinstance(value, int | str) and "." not in str(value) else int(number)
        except (TypeError, ValueError, OverflowError):
            pass
    raise ValueError(f"{field} has {value!r} where a whole number is needed")


def flag(value: object, field: str) -> bool:
    """Return a truth value; of numbers 0 and 1 are one.

    Raises
    ------
    ValueError
        It is none.
    """
    plain = str(value).strip().casefold()
    if plain in _TRUE:
        return True
    if plain in _FALSE:
        return False
    raise ValueError(f"{field} has {value!r} where true or false is needed")
