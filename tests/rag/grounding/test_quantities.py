"""One number in one spelling, whatever it is written with; sign, multiple, unit and bound make it another."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from rag.grounding.quantities import lacking, quantities


def values(text: str, *, document: bool = False) -> list[str]:
    return [each.value for each in quantities(text, document=document)]


@pytest.mark.parametrize(
    "text",
    [
        "90", "ninety", "Ninety", "９０", "٩٠", "۹۰", "९०", "⁹⁰", "₉₀", "⑨⓪", "𝟗𝟎", "9️⃣0️⃣", "⠼⠊⠚", "九十", "九〇", "90.0", "neunzig und",  # noqa: E501
        "es sind neunzig", "il y a quatre-vingt-dix dans", "hay noventa y", "9e1", "090",
    ],
)  # fmt: skip
def test_ninety_is_ninety(text: str) -> None:
    assert values(text) in (["90"], ["90", "1"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-80", "-80"), ("−80", "-80"), ("– it fell to –80", "-80"), ("minus eighty", "-80"), ("80k", "80000"),
        ("80 thousand", "80000"), ("2.5 million", "2500000"), ("two hundred and fifty thousand", "250000"), ("½", "0.5"),  # noqa: E501
        ("3½", "3.5"), ("3 ½", "3.5"), ("80⁰", "80^0"), ("10³", "10^3"), ("1,234,567.80", "1234567.8"),
        ("1\u202f234", "1234"), ("12 500", "12500"), ("12:30", "12:30"), ("㊿", "50"), ("三万五千", "35000"), ("8.05", "8.05"),  # noqa: E501
    ],
)  # fmt: skip
def test_other_numbers(text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize("text", ["10-20", "10–20", "10 to 20", "between 10 and 20", "COVID-19 and B-52", "3 - 1"])
def test_a_hyphen_between_is_no_sign(text: str) -> None:
    assert not any(value.startswith("-") for value in values(text))


@pytest.mark.parametrize(
    ("claim", "document"),
    [
        ("5 km", "5 kilometres"), ("5 km", "5,000 m"), ("90 minutes", "1.5 hours"), ("80 %", "eighty percent"),
        ("80 °C", "80 degrees Celsius"), ("80 degrees", "80 °C"), ("€500", "500 euros"), ("$7.50", "7.5 dollars"),
        ("12 months", "one year"), ("20 km", "10 to 20 km"), ("10 km", "10 to 20 km"), ("80m", "80 million"),
        ("80m", "80 metres"), ("5 km", "5 (distances in km)"), ("2.000", "2.000"), ("2000", "2.000 Euro"),
        ("3rd", "the third"), ("in 1990", "in 1990 3,000 came"), ("31 May 2030", "2030-05-31"), ("May 31", "31.05.2030"),  # noqa: E501
        ("at most 5", "no more than 5"), ("up to 5", "no more than five"), ("5", "at least 5"), ("1990", "1990²"),
        (".7", "0.7"), (">7", "more than 7"), ("20", "20 ± 5"), ("5", "20 ± 5"), ("a dozen eggs", "12 eggs"),
        ("<b>7</b>", "7"), ("7 тыс. рублей", "7000 рублей"), ("almeno 7", "più di 7"),
    ],
)  # fmt: skip
def test_a_document_gives_it_in_other_words(claim: str, document: str) -> None:
    assert lacking(quantities(claim, document=False), quantities(document, document=True), document) is None


@pytest.mark.parametrize(
    ("claim", "document"),
    [
        ("5 miles", "5 km"), ("5 km", "5 m"), ("80 percent", "80 degrees"), ("80 degrees Fahrenheit", "80 degrees"),
        ("80 °F", "80 °C"), ("$500", "500 euros"), ("80", "-80"), ("-80", "80"), ("80k", "80"), ("5 hours", "5 minutes"),  # noqa: E501
        ("80 million", "80 billion"), ("31 May", "31 June"), ("more than 5", "5"), ("at least 5", "at most 5"),
        ("before 5", "after 5"), ("8⁰", "80 and 8"), ("½", "1 and 2"), ("4th", "the third"), ("5 km", "5 miles, in km"),
        ("0.7", "7"), (".7", "7"), ("±7", "7"), ("√7", "7"), (">7", "7"), ("≥ 7", "7"), ("<7", "7"), ("≤ 7", "7"),
        ("a dozen eggs", "7 eggs"), ("mindestens 7", "7"), ("höchstens 7", "7"), ("doppelt so viel wie 7", "7"),
        ("au plus 7", "7"), ("al menos 7", "7"), ("più di 7", "7"), ("meer dan 7", "7"), ("mais de 7", "7"),
        ("более 7", "7"), ("7 dólares", "7 euros"), ("7 dollari", "7 euro"), ("7 тысяч", "7"), ("7 тыс. рублей", "7 рублей"),  # noqa: E501
        ("7 процентов", "7 градусов"), ("7 долларов", "7 рублей"), ("7 mila", "7"), ("wordt negentig", "80"),
    ],
)  # fmt: skip
def test_a_document_does_not_give_another(claim: str, document: str) -> None:
    assert lacking(quantities(claim, document=False), quantities(document, document=True), document) is not None


@pytest.mark.parametrize("text", ["You may march on.", "One of the best, first of all", "Nobody, no one", ""])
def test_words_that_count_nothing(text: str) -> None:
    assert values(text) == []


@given(st.text(max_size=40))
def test_any_text_gives_itself(text: str) -> None:
    for each in quantities(text, document=False):
        assert each.value
    quantities(text, document=True)


@pytest.mark.slow
def test_text_made_to_be_slow_ends() -> None:
    """In quadratic time it would reach the limit of a test."""
    for text in ("1" * 50_000, "1 111" * 5_000, "1," * 30_000, "亿" * 50_000, "½" * 20_000, "9 million " * 5_000,
                 "one hundred " * 5_000, "-" * 50_000, "万" + "1" * 50_000, "1万" * 20_000, "1e999 " * 2_000, "⁹" * 50_000, "⠼⠊" * 20_000, "1990-01-" * 9_000):  # fmt: skip  # noqa: E501
        quantities(text, document=False)
        quantities(text, document=True)
