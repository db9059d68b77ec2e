"""Numbers of spreadsheets as their cells show them: percent, currency, thousands, dates."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "$#,##0", 6: "$#,##0", 7: "$#,##0.00", 8: "$#,##0.00", 9: "0%",
    10: "0.00%", 11: "0.00E+00", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00",
    40: "#,##0.00", 44: "$#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss", 48: "0.0E+0", 49: "@",
}  # fmt: skip
_PIECES = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|[_*].|(.)', re.DOTALL)
_DURATION = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_LITERAL = "\0"
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


class _Format(NamedTuple):
    """One section of a code: what stands before and after the number, and how the number is written."""

    before: str = ""
    after: str = ""
    decimals: int | None = None
    least: int = 0
    whole: int = 0
    thousands: bool = False
    percent: int = 0
    scaled: int = 0
    scientific: bool = False
    parts: str = ""  # of a date: letters of y, m, d, h, s
    duration: str = ""


def shown(value: float, code: str, *, since_1904: bool = False) -> str:
    """Return a number as a cell of that format shows it; dates of numbers only are ISO, whatever the locale."""
    sections = _sections(code)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    if section.duration:
        return _lasting(value, section)
    if section.parts:
        return _date(value, section, since_1904)
    return _number(value, section)


def general(value: float) -> str:
    """Return a number without a format."""
    return f"{value:.15g}"


@lru_cache(maxsize=4096)
def _sections(code: str) -> tuple[_Format, ...]:
    """Read a format's code: up to three sections for positive, negative and zero, parted by semicolons."""
    marked = _PIECES.sub(lambda m: m[4] or "".join(f"{_LITERAL}{c}" for c in m[1] or m[2] or m[3] or ""), code)
    durations = _DURATION.findall(code)
    parts = re.split(r"(?<!\0);", marked)[:3]
    return tuple(_section(part, durations[0][0].lower() if durations else "") for part in parts)


def _section(code: str, duration: str) -> _Format:
    bare = re.sub(r"\0.", "", code, flags=re.DOTALL)
    if duration:
        return _Format(parts=bare.lower(), duration=duration)
    if bare.strip().lower() in ("general", "@", ""):
        if not bare.strip():
            return _Format(before=code.replace(_LITERAL, ""), decimals=-1)  # nothing but words
        return _Format()
    if re.search(r"[ymdhs]", bare.lower()) and not re.search("[0#]", bare.replace("s.0", "").replace("s.00", "")):
        return _Format(parts=bare.lower())
    places = [m.start() for m in re.finditer(r"(?<!\0)[0#?]", code)]
    if not places or "/" in bare:
        return _Format(percent=bare.count("%"), after="%" * bare.count("%"))
    first, last = places[0], places[-1]
    digits = code[first : last + 1]
    whole, _, fraction = digits.partition(".")
    exponent = re.search(r"[eE][+-]", digits)
    fraction = re.split(r"[eE]", fraction)[0]
    tail = code[last + 1 :]
    scaled = len(tail) - len(tail.lstrip(","))
    return _Format(
        before=code[:first].replace(_LITERAL, ""),
        after=tail[scaled:].replace(_LITERAL, ""),
        decimals=sum(fraction.count(c) for c in "0#?"),
        least=fraction.count("0"),
        whole=whole.count("0"),
        thousands="," in whole,
        percent=bare.count("%"),
        scaled=scaled,
        scientific=exponent is not None,
    )


def _number(value: float, section: _Format) -> str:
    value *= 100.0**section.percent / 1000.0**section.scaled
    if section.decimals is None:
        return general(value) + section.after
    if section.decimals < 0:
        return section.before.strip()
    value *= 1 + 1e-15  # rounds halves up, as spreadsheets do
    if section.scientific:
        text = f"{value:.{section.decimals}E}"
    else:
        text = f"{value:{',' if section.thousands else ''}.{min(section.decimals, 30)}f}"
        if not section.thousands and section.whole > 1:
            width = section.whole + (section.decimals and section.decimals + 1) + (value < 0)
            text = text.zfill(min(width, 60))
        if section.decimals > section.least:
            whole, _, fraction = text.partition(".")
            fraction = fraction[: section.least] + fraction[section.least :].rstrip("0")
            text = f"{whole}.{fraction}" if fraction else whole
    sign = "-" if text.startswith("-") else ""
    return f"{sign}{section.before}{text.removeprefix('-')}{section.after}".strip()


def _date(value: float, section: _Format, since_1904: bool) -> str:
    """Return a date in ISO, months by their names where the format has names; times as far as the format shows them."""
    if not 0 <= value < 2_958_466:
        return general(value)
    base = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30 + (value < 60))  # noqa: DTZ001 - sheets know no zones
    when = base + timedelta(seconds=round(value * 86400))
    parts = section.parts.replace("am/pm", "").replace("a/p", "")
    time = f"{when:%H:%M:%S}" if "s" in parts and "h" in parts else f"{when:%M:%S}" if "s" in parts else f"{when:%H:%M}"
    clock = time if "h" in parts or "s" in parts else ""
    if not re.search("[yd]", parts) and "mmm" not in parts:
        return clock or f"{when:%Y-%m-%d}"
    if "mmm" in parts:
        month = _MONTHS[when.month - 1][: None if "mmmm" in parts else 3]
        words = [
            str(when.day) if re.search(r"(?<!d)d{1,2}(?!d)", parts) else "",
            month,
            str(when.year) if "y" in parts else "",
        ]
        day = " ".join(filter(None, words))
    else:
        day = f"{when:%Y-%m-%d}" if "d" in parts else f"{when:%Y-%m}" if "m" in parts else f"{when:%Y}"
    return f"{day} {clock}" if clock and value % 1 else day  # midnight says no time


def _lasting(value: float, section: _Format) -> str:
    seconds = round(value * 86400)
    if section.duration.startswith("s"):
        return str(seconds)
    if section.duration.startswith("m"):
        return f"{seconds // 60}:{seconds % 60:02}"
    tail = f":{seconds % 60:02}" if "s" in section.parts else ""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}{tail}"
