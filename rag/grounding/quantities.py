"""Numbers of a text with sign, multiple, unit and bound, in one spelling, however they are written.

Figures of any script and style, number words (by ``text2num``: eight languages, 2 µs a sentence), vulgar fractions,
powers, Braille, Chinese numerals. 80, eighty, ٨٠ and ⑧⓪ are one number; -80, 80k, 80⁰ and 8½ are others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from text_to_num import alpha2digit

from .invisible import seen
from .units import AMBIGUOUS, CURRENCIES, MONTHS, MORE_GENERAL, MULTIPLES, UNITS
from .unspaced_quantities import spelt_out
from .words import listed

_THOUSANDS = re.compile(r"(?<=\d)[,\u00a0\u202f\u2009'’٬](?=\d{3}(?!\d))")
_SPACED = re.compile(r"(?<![\d.,] )(?<![\d.,])\d{1,3}(?: \d{3}){1,5}(?![\d.,]\d|\d)")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})+")
"""Thousands as in German and Spanish, or decimals: in a document they count as both."""

# ---- digits of every kind ----

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻₀₁₂₃₄₅₆₇₈₉₋", "0123456789-0123456789-")
_AFTER_DIGIT = re.compile(r"(?<=\d)([⁰¹²³⁴-⁹⁻₀-₉₋]+)")
_STANDALONE = re.compile(r"(?<![\w²³¹])[⁰¹²³⁴-⁹⁻₀-₉₋]+")
_FRACTION = re.compile(r"(?<!\d)(\d{0,12})\s?([¼½¾⅐-⅞↉])")
_BRAILLE = re.compile("\u283c([\u2801-\u281b]+)")
_BRAILLE_DIGITS = str.maketrans("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚", "1234567890")
_IDEOGRAPHS = "〇零一二三四五六七八九十百千万亿億兆两兩壹贰叁肆伍陆柒捌玖拾佰仟萬"
_IDEOGRAPHIC = re.compile(f"(?<![{_IDEOGRAPHS}])[{_IDEOGRAPHS}]{{1,24}}(?![{_IDEOGRAPHS}])")
_LETTER_CJK = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_HAN = {"两": 2, "兩": 2, "零": 0}

# ---- quantities ----

_CURRENCY = f"[{CURRENCIES}]"
_MINUS = r"(?:(?<![\w.,)\]%°])[-–﹣－‐‑]|(?<!\d)(?<!\d\s)−\s?|\b(?:minus|negative|moins|menos)\s)"
_QUANTITY = re.compile(
    rf"(?P<sign>{_MINUS})?(?P<money>{_CURRENCY}\s?)?(?P<late>(?<=[{CURRENCIES}])[-−])?"
    r"(?P<figure>\d+(?:[.,:]\d+)*)(?P<exponent>[eE][+-]?\d{1,3}(?![\w]))?(?P<power>\^-?\d+)?"
    r"(?P<suffix>(?:st|nd|rd|th)\b)?"
    r"(?P<unit>[\s-]?(?:°\s?[CcFf]\b|[°%‰％٪℃℉′″]|km/h\b|[^\W\d_]+[²2]?(?![\w/])|[$€£¥₹₩₽]))?"
    r"(?P<scale>\s?(?:celsius|centigrade|fahrenheit)\b)?",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\s?(?:-|–|—|to|and|or|bis|und|à|et|a|y)\s?\Z", re.IGNORECASE)
_MULTIPLIED = re.compile(
    rf"(?<![\w.,])(\d+(?:[.,]\d+)?)((?:\s?(?:(?:{'|'.join(sorted(MULTIPLES, key=len, reverse=True))})(?!\w)"
    r"|(?<=\s)(?:1(?:000){1,4}|100)\b(?![.,]\d)))+)",
    re.IGNORECASE,
)
_MONTH = re.compile(rf"\b(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b", re.IGNORECASE)
_ABBREVIATED = re.compile(r"\b(тыс|млн|млрд|Mio|Mrd|руб)\.(?=\s)", re.IGNORECASE)
_BARE_POINT = re.compile(r"(?<![\w.,])\.(?=\d)")
_DOZEN = re.compile(
    r"\b(half a dozen|ein halbes Dutzend)\b|\b(?:a dozen|ein(?:em)? Dutzend|une douzaine d[e’']"
    r"|una do[cz]z?ena d[ei])\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)\b|\b(?P<d2>\d{1,2})[./](?P<m2>\d{1,2})[./](?P<y2>\d{4})\b", re.ASCII
)
_MONTH_NAMES = tuple(dict.fromkeys(MONTHS.values()))
_MODAL = listed("may march mar")
"""Words that are months only beside a number."""

_BOUND = re.compile(
    r"\b(?:(?P<more>more than|over|above|at least|exceeding|exceeds?|exceeded|greater than|higher than"
    r"|longer than|older than|no less than|not less than|no fewer than|minimum(?: of)?|beyond|upwards of"
    r"|mehr als|über|mindestens|wenigstens|plus de|au moins|más de|al menos|por lo menos|più di|oltre|almeno"
    r"|meer dan|minstens|ten minste|mais de|pelo menos|acima de|более|больше|свыше|не менее|не меньше|минимум)"
    r"|(?P<less>less than|fewer than|under|below|at most|no more than|not more than|lower than|younger than"
    r"|shorter than|maximum(?: of)?|not exceeding|weniger als|unter|höchstens|maximal|moins de|au plus"
    r"|au maximum|menos de|como máximo"
    r"|a lo sumo|meno di|al massimo|minder dan|hoogstens|maximaal|no máximo|abaixo de|менее|меньше|не более|не больше"
    r"|максимум)"
    r"|(?P<part>half(?: of)?|(?:third|3rd|quarter) of|twice|thrice|double|triple|doppelt so (?:viel|hoch|lang) wie"
    r"|le double de|el doble de|il doppio di)"
    r"|(?P<within>up to|as many as|bis zu|hasta)|(?P<before>before|until|till|prior to|by)|(?P<after>after|since|from))"
    r"\s(?:about\s|the\s|(?-i:[A-Z][a-z]+)\s)?\Z",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\s?(?:(?P<more>or (?:more|above|over|older)|and (?:over|above|older)|\+)"
    r"|(?P<less>or (?:less|fewer|below|under|younger))"
    r"|(?P<part>(?<=\d)[\s-]and[\s-]a[\s-](?:half|quarter|third|3rd)))(?!\w)"
)
_BOUND_SIGN = re.compile(r"(?:(?<![\w=/\"'<>-])(?:(?P<more>[>≥⩾])|(?P<less>[<≤⩽]))=?)\s?\Z")
_MARKED = re.compile(r"([±√∛])\s?\Z")
"""Signs that make another number of one."""
_BELOW = re.compile(r"\s?below (?:zero|freezing)\b|\s?below(?=[.,;]|\Z)", re.IGNORECASE)
_OPPOSITE = {"before": "after", "after": "before"}

_LANGUAGES = {
    "de": listed(
        "der die das und ist nicht ein eine einen für mit von zu auf werden wird sind dem den uhr es im bei bis oder"
    ),
    "fr": listed("le la les des est et une pour dans que sont du au aux à il elle"),
    "es": listed("el la los las de que es una para por del se y en"),
    "it": listed("il lo gli di che è una della nel dei si per sono non"),
    "pt": listed("os de que é um uma para com da são em não ao"),
    "nl": listed("het een en niet voor met zijn te dat de wordt worden bij op van"),
}
_YEAR = UNITS["year"]
_FIRST_YEAR = 1000
_SMALL = ("1", "2")
_SIGNS = "%°$€£¥₹"
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as a text states it.

    Attributes
    ----------
    value
        In one spelling: ``2000`` for two thousand, 2,000 and 2k; a month's English name.
    readings
        Kind of unit and amount in the kind's base unit; several where a unit is ambiguous. Kind "": no known unit.
    bound
        ``more``, ``less``, ``within`` (up to), ``part`` (half of, twice), ``before`` or ``after``, or nothing.
    said
        As it is written.
    """

    value: str
    readings: tuple[tuple[str, Decimal], ...] = ()
    bound: str = ""
    said: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of unit that it may have."""
        return frozenset(kind for kind, _ in self.readings if kind)


def quantities(text: str, *, document: bool) -> tuple[Quantity, ...]:
    """Return the quantities of a text in their order.

    Parameters
    ----------
    document
        What a document leaves open counts every way: ``2.000`` also as 2000, ``one`` as 1, a footnote's raised number
        as none. A claim's numbers are read one way.
    """
    plain = plain_numbers(text, least=0 if document else 2)
    found, ends = list[Quantity](), list[tuple[int, int]]()
    for match in _QUANTITY.finditer(plain) if any(map(str.isdigit, plain)) else ():
        if not document and match["figure"] in _SMALL and not re.search(rf"(?<!\d){match['figure']}(?!\d)", text):
            continue  # "one of them", "first of all", "the two": a document may list them
        own = _read(match, plain, document=document)
        found += own
        ends += [(match.start(), _end(match))] * len(own)
    return (*_with_units_of_ranges(found, ends, plain), *_months(plain))


def lacking(claim: Iterable[Quantity], known: Iterable[Quantity], said: str) -> Quantity | None:
    """Return a quantity of a claim that a document's quantities do not give, or None.

    Parameters
    ----------
    said
        The document's words: a unit may be said apart from the number, as in the head of a table.
    """
    known = tuple(known)
    with_units = {each.value for each in known if each.kinds}
    return next((each for each in claim if not _given(each, known, "" if each.value in with_units else said)), None)


def _given(wanted: Quantity, known: Iterable[Quantity], said: str) -> bool:
    return any(_gives(own, wanted, said) for own in known)


def _gives(own: Quantity, wanted: Quantity, said: str) -> bool:
    if wanted.bound in {"more", "less", "part"} and own.bound not in {
        wanted.bound,
        *(("within",) if wanted.bound == "less" else ()),
    }:
        return False
    if wanted.bound and own.bound == _OPPOSITE.get(wanted.bound):
        return False
    if not wanted.kinds:
        return own.value == wanted.value
    readings = set(own.readings) | {
        (MORE_GENERAL[kind], amount) for kind, amount in own.readings if kind in MORE_GENERAL
    }
    if any(kind == k and _close(amount, a) for kind, amount in wanted.readings for k, a in readings):
        return True
    return not own.kinds and own.value == wanted.value and _says(wanted, said)


def _says(wanted: Quantity, text: str) -> bool:
    """Tell whether a text has the unit of a quantity, apart from any number."""
    words = {*(w for w in _WORD.findall(text.lower()) if len(w) > 1), *(c for c in text if c in _SIGNS)}
    value = Decimal(wanted.value)
    return any(
        UNITS[w][0] == kind and _close(UNITS[w][1] * value, a)
        for w in words
        if w in UNITS
        for kind, a in wanted.readings
    )


def _close(a: Decimal, b: Decimal) -> bool:
    return abs(a - b) <= Decimal("1e-9") * max(abs(a), abs(b))


def plain_numbers(text: str, *, least: int) -> str:
    """Return a text with its numbers in ASCII figures, and dates as day, month and year.

    Parameters
    ----------
    least
        The least number in words that is put in figures.
    """
    if not text.isascii():
        text = _THOUSANDS.sub("", text)
        text = _plain_digits(text)
        text = seen(text)
        text = spelt_out(_ABBREVIATED.sub(r"\1", text))
    text = _DOZEN.sub(lambda found: "6" if found[1] else "12", _BARE_POINT.sub("0.", text))
    text = _DATE.sub(_spelt_date, text)
    text = _SPACED.sub(lambda found: found[0].replace(" ", ""), _THOUSANDS.sub("", text))
    return _MULTIPLIED.sub(_multiplied, alpha2digit(text, language(text), threshold=least))


def _plain_digits(text: str) -> str:
    text = _BRAILLE.sub(lambda found: found[1].translate(_BRAILLE_DIGITS), text)
    text = _IDEOGRAPHIC.sub(_han, text)
    text = _STANDALONE.sub(lambda found: found[0].translate(_RAISED), text)
    text = _AFTER_DIGIT.sub(lambda found: f"^{found[1]}".translate(_RAISED), text)
    text = _FRACTION.sub(
        lambda found: _number(Decimal(found[1] or 0) + Decimal(str(round(unicodedata.numeric(found[2]), 6)))), text
    )
    return "".join(map(_digit, text)) if not text.isascii() else text


def _digit(character: str) -> str:
    if character.isascii() or not character.isnumeric() or character in _IDEOGRAPHS:
        return "." if character == "٫" else character
    value = _number(Decimal(str(unicodedata.numeric(character))))
    return f" {value} " if unicodedata.category(character) == "Nl" else value  # Roman numerals join no digits


def _han(found: re.Match[str]) -> str:
    """Return the value of Chinese numerals; a single one beside other characters is part of a word."""
    run, text = found[0], found.string
    beside = text[max(0, found.start() - 1) : found.start()] + text[found.end() : found.end() + 1]
    if len(run) == 1 and _LETTER_CJK.search(beside):
        return run
    total = section = digit = 0
    positional = ""
    for character in run:
        value = _HAN.get(character, int(unicodedata.numeric(character)))
        if value < 10:
            digit, positional = value, f"{positional}{value}"
        elif value < 10_000:
            section, digit, positional = section + (digit or 1) * value, 0, "x"
        else:
            total, section, digit, positional = (total + section + digit or 1) * value, 0, 0, "x"
    return positional if positional.isdigit() else str(total + section + digit)


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read(match: re.Match[str], text: str, *, document: bool) -> list[Quantity]:
    figure, bound = match["figure"], _bound(match, text)
    negative = bool(
        match["sign"] or match["late"] or _BELOW.match(text, match.end()) or _BELOW.match(text, _end(match))
    )
    if (word := _glued(match, text, document=document)) and not document:
        return [Quantity(f"{figure}{word}", (), bound, f"{figure}{word}")]
    if (mark := _MARKED.search(text, max(0, match.start() - 2), match.start())) and not document:
        return [Quantity(f"{mark[1]}{figure}", (), bound, f"{mark[1]}{match[0].strip()}")]
    forms = [figure]
    if document and _DOTTED.fullmatch(figure):
        forms.append(figure.replace(".", ""))
    found = []
    for form in forms:
        value, amount = _value(form, match)
        signed = f"-{value}" if negative else value
        found.append(Quantity(signed, _readings(match, -amount if negative else amount), bound, match[0].strip()))
        if document and negative and re.search(r"\d\s\Z", text[: match.start()]):
            found.append(Quantity(value, _readings(match, amount), bound, match[0].strip()))
    if mark:
        found.append(Quantity(f"{mark[1]}{figure}", (), bound, match[0].strip()))
    if word:
        found.append(Quantity(f"{figure}{word}", (), bound, match[0].strip()))
    if document and match["power"]:
        value, amount = _value(figure, match, powered=False)
        found.append(Quantity(value, (("", amount),), bound, match[0].strip()))
    return found


def _value(figure: str, match: re.Match[str], *, powered: bool = True) -> tuple[str, Decimal]:
    """Return a figure in one spelling, and as an amount; those that are no numbers, as 12:30, have none to speak of."""
    try:
        amount = Decimal(figure.replace(",", ".") + (match["exponent"] or ""))
    except InvalidOperation:
        return figure, Decimal("NaN")
    if powered and match["power"]:
        return f"{_number(amount)}{match['power']}", Decimal("NaN")
    return _number(amount), amount


def _multiplied(match: re.Match[str]) -> str:
    amount = Decimal(match[1].replace(",", "."))
    for word in match[2].split() or [match[2]]:
        amount *= MULTIPLES.get(word.lower()) or Decimal(word)
    return _number(amount)


def _readings(match: re.Match[str], amount: Decimal) -> tuple[tuple[str, Decimal], ...]:
    if amount.is_nan():
        return ()
    if match["scale"]:
        kind, factor = UNITS[match["scale"].strip().lower()]
        return ((kind, amount * factor),)
    word = _unit(match)
    if word in AMBIGUOUS:
        return tuple((kind, amount * factor) for kind, factor in AMBIGUOUS[word])
    if word and UNITS[word] == _YEAR and amount >= _FIRST_YEAR:
        return (("", amount),)  # "in 1990 year"
    kind, factor = UNITS.get(word or (match["money"] or "").strip(), ("", Decimal(1)))
    return ((kind, amount * factor),)


def _unit(match: re.Match[str]) -> str:
    """Return the unit after a figure, in lower case; empty if the word there is none, or the figure is an ordinal."""
    word = (match["unit"] or "").strip(" -\u00a0\u202f\n").lower().replace(" ", "")
    return word if word and not match["suffix"] and (word in UNITS or word in AMBIGUOUS) else ""


def _glued(match: re.Match[str], text: str, *, document: bool) -> str:
    """Return what makes a figure a name or an ordinal: the G of 5G, th; a document's may be parted, as 5-G."""
    if match["suffix"]:
        dated = _MONTH.search(text, max(0, match.start() - 12), min(len(text), match.end() + 15))
        return "" if dated and not document else "th"
    word = (match["unit"] or "").strip(" -").lower()
    if text[max(0, match.start() - 1) : match.start()].isalpha():
        return ""  # IP3R is a name already
    glued = bool(match["unit"]) and (document or match["unit"][0] not in " \n-\t")
    plain = glued and word.isascii() and word.isalpha() and not _unit(match) and word != "s"
    return word if plain and not match["exponent"] and not match["power"] else ""


def _bound(match: re.Match[str], text: str) -> str:
    found = _BOUND.search(text, max(0, match.start() - 32), match.start())
    after = _BOUND_AFTER.match(text, _end(match))
    sign = _BOUND_SIGN.search(text, max(0, match.start() - 3), match.start())
    first = found or after or sign
    return (first.lastgroup if first else "") or ""


def _end(match: re.Match[str]) -> int:
    """Return where a quantity ends: before the word after it if that is not a unit."""
    return match.end() if _unit(match) or not match["unit"] else match.start("unit")


def _with_units_of_ranges(found: list[Quantity], ends: list[tuple[int, int]], text: str) -> list[Quantity]:
    """Give the first number of a range the unit of the second: 25 to 30 seconds."""
    for place in range(len(found) - 2, -1, -1):
        first, second = found[place], found[place + 1]
        if first.kinds or len(second.kinds) != 1 or not first.readings or not Decimal(second.value):
            continue
        if _RANGE.fullmatch(text[ends[place][1] : ends[place + 1][0]]):
            kind, amount = second.readings[0]
            readings = ((kind, first.readings[0][1] * amount / Decimal(second.value)),)
            found[place] = Quantity(first.value, readings, first.bound, first.said)
    return found


def _months(text: str) -> list[Quantity]:
    found = []
    for match in _MONTH.finditer(text):
        word = match[0]
        beside = re.search(r"\d(?:st|nd|rd|th)?\.?\s(?:of\s)?\Z", text[max(0, match.start() - 8) : match.start()])
        if word[0].isupper() and (word.lower() not in _MODAL or beside or re.match(r"\.?,?\s\d", text[match.end() :])):
            found.append(Quantity(MONTHS[word.lower()], said=word))
    return found


def _spelt_date(match: re.Match[str]) -> str:
    year, month, day = (match[name] or match[f"{name}2"] for name in "ymd")
    if int(month) > 12 >= int(day):
        day, month = month, day
    return f"{int(day)} {_MONTH_NAMES[int(month) - 1]} {year}" if 1 <= int(month) <= 12 else match[0]


def language(text: str) -> str:
    """Return the language of whose number words a text is read: English, unless words of another are more frequent."""
    words = set(_WORD.findall(text.lower()))
    counts = {name: len(words & common) for name, common in _LANGUAGES.items()}
    best = max(counts, key=lambda name: counts[name])
    english = len(words & _ENGLISH)
    return best if counts[best] > english else "en"


_ENGLISH = listed("the and is are was were of to in for with that not it on by at from this be has have which an as")
