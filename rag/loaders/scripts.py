"""Raised and lowered text on one line: 10^6 and not 106, notes in brackets; 1st and H2O stay.

Readers mark such text where they meet it; once the line is whole, what stands around it decides how it is written.
"""

from __future__ import annotations

import re

# Noncharacters, which no text holds.
_UP, _UP_END, _DOWN, _DOWN_END = "\ufdd2", "\ufdd3", "\ufdd4", "\ufdd5"
MARKS = f"{_UP}{_UP_END}{_DOWN}{_DOWN_END}"
_SCRIPT = re.compile(f"({_UP}|{_DOWN})([^{MARKS}]*)(?:{_UP_END}|{_DOWN_END})")
_FRACTION = re.compile(f"(\\d?){_UP}(\\d+){_UP_END}[/⁄](?:{_DOWN}(\\d+){_DOWN_END}|(\\d+))")
_SUM = re.compile(r"\w\s*[-+−*/=]\s*\w")


def raised(text: str) -> str:
    """Mark text as raised."""
    return f"{_UP}{text}{_UP_END}" if text else ""


def lowered(text: str) -> str:
    """Mark text as lowered."""
    return f"{_DOWN}{text}{_DOWN_END}" if text else ""


SCRIPTS = {"superscript": raised, "subscript": lowered}
"""By the words of Office Open XML."""


def written(text: str) -> str:
    """Return a line with what is marked in it written plainly."""
    if _UP_END not in text and _DOWN_END not in text:
        return text
    text = text.replace(f"{_UP_END}{_UP}", "").replace(f"{_DOWN_END}{_DOWN}", "")  # a power in two runs is one
    text = _FRACTION.sub(lambda m: f"{m[1]} {m[2]}/{m[3] or m[4]}".lstrip(), text)
    return _SCRIPT.sub(_one, text).translate(_NONE)


_NONE = dict.fromkeys(map(ord, MARKS))


def _one(match: re.Match[str]) -> str:
    inside = match[2].strip()
    before = match.string[max(0, match.start() - 1) : match.start()]
    if match[1] == _DOWN:
        return f"_{inside}" if (before.isdigit() or before == _UP_END) and inside[:1].isdigit() else inside
    if inside.isalpha() or not any(map(str.isalnum, inside)) or inside.startswith("("):
        return inside
    if inside.startswith("["):
        return f" {inside}"
    if before.isalnum() or before in (")", _DOWN_END, _UP_END):
        return f"^({inside})" if _SUM.search(inside) else f"^{inside}"
    return f" [{inside}]" if before.strip() else inside
