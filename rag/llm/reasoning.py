"""Remove the reasoning that some models write before their answer, whatever marks their template uses for it.

Servers that know a model's template remove it themselves; others pass it on as text. A template may open the block in
the prompt: then the text holds the closing mark alone, and everything before it is reasoning.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .turn_ends import without_turn_end


class _Mark(NamedTuple):
    """The marks of one template: any of ``opens``, in lower case, begins the reasoning; ``close`` ends it.

    What ``close`` matches may begin with an opening mark: OpenAI's harmony names a channel before each message.
    """

    opens: tuple[str, ...]
    close: re.Pattern[str]


def _tag(opens: str, close: str) -> _Mark:
    # In backticks a mark is spoken of, not used.
    return _Mark((opens,), re.compile(rf"(?<!`){re.escape(close)}", re.IGNORECASE))


_HARMONY = _Mark(
    ("<|channel|>", "<|start|>assistant"),
    re.compile(
        r"<\|channel\|>final[^<]{0,20}(?:<\|constrain\|>[^<]{0,20})?<\|message\|>"
        r"|<\|start\|>assistant[^<]{0,9}<\|message\|>"
    ),
)
_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reason", "reflection", "analysis", "scratchpad",
    "scratch_pad", "inner_thoughts", "seed:think", "longcat_think",
)  # fmt: skip
_MARKS = (
    *(_tag(f"<{name}>", f"</{name}>") for name in _TAGS),
    _tag("[think]", "[/think]"),
    _tag("<|begin_of_thought|>", "<|end_of_thought|>"),
    _tag("<|start_thinking|>", "<|end_thinking|>"),
    _tag("◁think▷", "◁/think▷"),
    _tag("<unused94>", "<unused95>"),
    _tag("<|channel>thought", "<channel|>"),
    _HARMONY,
)
_STEPS = _tag("here are my reasoning steps:", "[BEGIN FINAL RESPONSE]")
_WORDS = (
    _tag('<details type="reasoning"', "</details>"),
    _STEPS,
    _Mark(
        ("here is my thought process:", "here's my thought process:"),
        re.compile(r"^Here(?: is|'s) my response:", re.IGNORECASE | re.MULTILINE),
    ),
)
"""Marks that mean something only in pairs: what closes them may stand in any text."""
_BOXED = ("<|begin_of_box|>", "<|begin_of_solution|>", "<|start_response|>", "[begin final response]")
_ANSWERS = ("<answer>", "<response>", "<output>", *_BOXED)
"""Marks of the answer itself; those of `_BOXED` also where it follows no reasoning."""
_END = re.compile(
    r"\s{0,9}(?:<\|(?:return|end|call|end_of_solution|end_response|end_of_box)\|>|</(?:answer|response|output)>"
    r"|\[END FINAL RESPONSE\])",
    re.IGNORECASE,
)
LONGEST_MARK = 100
"""More characters than any mark has."""
_BARE = re.compile(r"\s*analysis(?=\S).*?assistantfinal", re.DOTALL)
"""Harmony where the server has removed the marks and left the words between them."""


def without_thoughts(text: str) -> str:
    """Return a text without the reasoning at its beginning and the marks of its end; empty if it holds nothing else.

    Examples
    --------
    >>> without_thoughts("<think>80 or 90?</think> 80 degrees.")
    '80 degrees.'
    >>> without_thoughts("80 or 90?[/THINK]80 degrees.")
    '80 degrees.'
    >>> without_thoughts("The tag <think> opens a thought.")
    'The tag <think> opens a thought.'
    """
    if bare := _BARE.match(text):
        text = text[bare.end() :]
    thoughts = Thoughts()
    said = thoughts.feed(text) + thoughts.rest()
    text = said if thoughts.seen else text
    answer = after_close(text)
    return without_turn_end(text if answer is None else answer)


def after_close(text: str) -> str | None:
    """Return what follows a closing mark that no opening one came before; None where the text has no such mark."""
    for mark in _MARKS:
        closed = mark.close.search(text)
        if closed and (mark is _HARMONY or not any(each in text[: closed.start()].lower() for each in mark.opens)):
            answer = text[closed.end() :].lstrip()
            return _END.split(answer, maxsplit=1)[0] if mark is _HARMONY else answer
    return None


class Thoughts:
    """Removes the reasoning from a text that arrives in pieces.

    A closing mark without an opening one is passed on: the caller must then discard all that came before it.

    Attributes
    ----------
    seen
        Whether reasoning has been removed.
    """

    def __init__(self) -> None:
        self.seen = False
        self._held = ""
        self._inside: _Mark | None = None
        self._answering = False
        self._marked = False  # the answer has marks of its own: one of `_END` ends it

    def feed(self, piece: str) -> str:
        """Take a piece, return the text that is not reasoning."""
        if self._answering:
            return self._until_end(piece) if self._marked else piece
        self._held += piece
        while not self._answering:
            if self._inside and not self._leave(self._inside):
                return ""
            # White space is not kept: endless white space would be searched again and again.
            self._held = self._held.lstrip()
            if not self._held or (not self._marked and not self._enter()):
                return ""
            self._answering = self._inside is None
        text, self._held = self._held, ""
        return self._until_end(text) if self._marked else text

    def rest(self) -> str:
        """Return what was held back when the text ended."""
        return "" if self._inside else self._held.lstrip() if not self._answering else self._held

    def _enter(self) -> bool:
        """Enter the reasoning or the marked answer that begins here; False if more must come before that is known."""
        begun = self._held[:LONGEST_MARK].lower()
        opens = {each: mark for mark in (*_MARKS, *_WORDS) for each in mark.opens}
        marks = (*opens, *(_ANSWERS if self.seen else _BOXED))
        found = next((each for each in marks if begun.startswith(each)), "")
        if found in opens:
            self._inside, self.seen = opens[found], True
        elif found:
            self._held, self._marked, self.seen = self._held[len(found) :].lstrip(), True, True
        return bool(found) or not any(each.startswith(begun) for each in marks)

    def _leave(self, mark: _Mark) -> bool:
        """Drop the reasoning as far as it has come; False if it goes on."""
        closed = mark.close.search(self._held)
        if closed is None:
            self._held = self._held[-LONGEST_MARK:]
            return False
        self._held, self._inside = self._held[closed.end() :], None
        self._marked = mark in (_HARMONY, _STEPS)
        return True

    def _until_end(self, piece: str) -> str:
        """Give the answer up to its end mark, holding back what may be the beginning of that mark."""
        text = self._held + piece
        if end := _END.search(text):
            self._held, self._inside = "", _HARMONY  # nothing that follows is the answer
            self._answering = False
            return text[: end.start()]
        at = max(text.rfind("<", max(0, len(text) - 25)), text.rfind("[", max(0, len(text) - 25)))
        at = max(len(text) - 40, len((text if at < 0 else text[:at]).rstrip()))
        self._held = text[at:]
        return text[:at]
