"""Constrained decoding by llguidance: which tokens may come next under a constraint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ExtraMissing, InvalidInput
from ..constraints import Choice, Constraint, JsonSchema, Regex, parts

_COMPACT = {"whitespace_flexible": False}
"""No white space between JSON's parts: a weak model could write it without end."""
_ENDS = (b'"', b"]", b"}", b",")
"""In this order, since a bracket in a string ends nothing; a comma ends a number if more must follow."""
_LEAST = 16
"""Minimum tokens for the end of a JSON text; else a quarter of all, or as many as its properties' names take."""
HURRIED = "the answer came near max_tokens and was brought to an end"


class Grammar:
    """A constraint, compiled for one tokenizer.

    Parameters
    ----------
    tokenizer
        An ``llguidance.LLTokenizer``.
    constraint
        The constraint on the text.

    Raises
    ------
    InvalidInput
        llguidance has no grammar for a part of the constraint; the message names it.

    Attributes
    ----------
    lark
        The grammar as llguidance reads it.
    """

    def __init__(self, tokenizer: Any, constraint: Constraint) -> None:  # noqa: ANN401 - untyped library
        llguidance = _library()
        self._tokenizer = tokenizer
        try:
            self.lark = _lark(llguidance, constraint)
            fault = llguidance.LLMatcher.validate_grammar(self.lark, tokenizer)
        except (ValueError, RecursionError) as error:  # numbers beyond 64 bits, say
            raise InvalidInput(f"{str(constraint)[:300]}: not possible: {error}") from error
        if fault and not fault.startswith("WARNING"):
            raise InvalidInput(f"{str(constraint)[:300]}: not possible: {fault.splitlines()[0]}")
        first = llguidance.LLMatcher(tokenizer, self.lark, log_level=0)
        first.compute_bitmask()  # only then it knows that it is stuck
        if first.is_stopped() and not first.is_accepting():
            raise InvalidInput(f"{str(constraint)[:300]}: no text fits it")
        found = map(tokenizer.tokenize_bytes, _ENDS if isinstance(constraint, JsonSchema) else ())
        self._ends = [tokens[0] for tokens in found if len(tokens) == 1]
        objects = parts(constraint.schema) if isinstance(constraint, JsonSchema) else ()
        names = [name for each in objects for name in each.get("properties", ())]
        self._rest = sum(len(tokenizer.tokenize_str(f'"{name}":"",')) for name in names)

    def matcher(self, most: int) -> Matcher:
        """Start a text of at most ``most`` tokens."""
        rest = max(_LEAST, most // 4, min(self._rest, most // 2))
        return Matcher(_library().LLMatcher(self._tokenizer, self.lark, log_level=0), most - rest, self._ends)


class Matcher:
    """Follows one text, token by token.

    After ``free`` tokens a JSON text is ended by every quote and bracket that may close something: otherwise a string
    without a ``maxLength`` might be cut, and a cut text is not JSON.

    Attributes
    ----------
    hurried
        It was ended where it might have gone on.
    """

    def __init__(self, matcher: Any, free: int, ends: Sequence[int]) -> None:  # noqa: ANN401 - untyped library
        self._matcher = matcher
        self._free = free
        self._ends = ends
        self.hurried = False

    @property
    def stopped(self) -> bool:
        """Whether the text is complete and nothing can follow."""
        return bool(self._matcher.is_stopped())

    def feed(self, token: int) -> None:
        """Add a token, which must have been allowed."""
        if not self.stopped:
            self._free -= 1
            self._matcher.consume_token(token)

    def allowed(self, vocabulary: int) -> NDArray[np.bool_]:
        """Return a mask over token ids, shape (vocabulary,): True may come next. All False once stopped."""
        mask = np.zeros(vocabulary, dtype=np.bool_)
        if not self.stopped:
            words = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
            bits = np.unpackbits(words, bitorder="little")[:vocabulary]
            mask[: len(bits)] = bits
        end = next((token for token in self._ends if mask[token]), None) if self._free <= 0 else None
        if end is not None:
            self.hurried = self.hurried or int(mask.sum()) > 1
            mask[:] = False
            mask[end] = True
        return mask


def _library() -> Any:  # noqa: ANN401 - untyped library
    try:
        import llguidance
    except ImportError as error:
        raise ExtraMissing("constrained answers need llguidance: pip install 'rag-workbench[constrained]'") from error
    return llguidance


def _lark(llguidance: Any, constraint: Constraint) -> str:  # noqa: ANN401 - untyped library
    if isinstance(constraint, JsonSchema):
        return f"start: %json {json.dumps({**constraint.closed, 'x-guidance': _COMPACT})}"
    if isinstance(constraint, Regex):
        return str(
            json.loads(llguidance.LLMatcher.grammar_from_regex(constraint.pattern))["grammars"][0]["lark_grammar"]
        )
    assert isinstance(constraint, Choice)  # noqa: S101 - for the type checker; the union has no more
    options = " | ".join(json.dumps(option, ensure_ascii=False) for option in constraint.options)
    # One word of many forms, not a rule of many words: a rule may have 2,000 at most.
    return f"start: CHOICE\nCHOICE: {options}"
