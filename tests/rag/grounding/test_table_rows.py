import pytest

from rag.documents.document import Passage
from rag.documents.sections import Section
from rag.embedding import HashingEmbedder
from rag.extractive.generator import ExtractiveGenerator
from rag.grounding.quotable_sentences import candidates
from rag.terms import Analyser

STATEMENT = """Consolidated statement of income
(in thousands of euros)
Year ended 30 June 2021 2022
Revenue 7 4,512 5,011
Cost of sales (2,480) (2,705)
Gross profit $ 2,032 $ 2,306
Other items – 12
The directors approved these statements on 4 September 2022."""


def passage(text, sections=(), rank=1):
    return Passage(rank, 1.0 / rank, rank, "d", "d", 0, len(text), text, type="pdf", sections=sections)


def shown(text, sections=()):
    return [each.shown for each in candidates([passage(text, sections)]) if not each.heading]


def test_a_row_without_bars_has_the_periods_of_its_header_and_the_unit():
    assert shown(STATEMENT) == [
        "Revenue | 2021: 4,512 | 2022: 5,011 (in thousands of euros)",
        "Cost of sales | 2021: (2,480) | 2022: (2,705) (in thousands of euros)",
        "Gross profit | 2021: 2,032 | 2022: 2,306 (in thousands of euros)",
        "Other items | 2021: – | 2022: 12 (in thousands of euros)",
        "The directors approved these statements on 4 September 2022.",
    ]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("Q1 2023 Q2 2023", ["Q1 2023", "Q2 2023"]),
        ("FY2023 FY2024E", ["FY2023", "FY2024E"]),
        ("31 March 2022 31 March 2023", ["31 March 2022", "31 March 2023"]),
        ("Dec. 31, 2022 Dec. 31, 2023", ["Dec. 31, 2022", "Dec. 31, 2023"]),
        ("For the year ended 31 March 2022 2023", ["2022", "2023"]),
    ],
)
def test_periods_of_every_form(header, names):
    rows = shown(f"($ in millions)\n{header}\nSales 12.5 14.0\nMargin 31% 33%")
    assert rows[-2:] == [
        f"Sales | {names[0]}: 12.5 | {names[1]}: 14.0 ($ in millions)",
        f"Margin | {names[0]}: 31% | {names[1]}: 33%",
    ]


def test_a_header_of_words_goes_before_the_row_whole():
    text = "Segment Sales Staff count\nTerminals 3,301 412\nTugs 1,122 96"
    assert shown(text) == [
        "Segment Sales Staff count: Terminals 3,301 412",
        "Segment Sales Staff count: Tugs 1,122 96",
    ]


def test_a_row_of_other_years_is_no_answer():
    generator = ExtractiveGenerator(HashingEmbedder(64), Analyser(), threshold=0.0)
    answer = generator.generate("What was the revenue in 2019?", [passage(STATEMENT)])
    assert not any("4,512" in each.quote for each in answer.citations)


def test_the_row_of_the_whole_goes_before_rows_of_parts():
    parts = "Segment 2021 2022\nTug services revenue 1,010 1,122\nTerminal revenue 2,950 3,301"
    generator = ExtractiveGenerator(HashingEmbedder(64), Analyser(), threshold=0.0)
    answer = generator.generate("What was the revenue in 2022?", [passage(parts), passage(STATEMENT, rank=2)])
    assert "5,011" in answer.citations[0].quote
    answer = generator.generate("What was the tug services revenue in 2022?", [passage(STATEMENT), passage(parts)])
    assert "1,122" in answer.citations[0].quote


def test_bars_are_named_by_the_columns_of_the_table():
    text = "City | Clinics | Beds\nLeeds | 3 | 410\nYork | | 95\n\nBeds are counted in May."
    sections = (Section(0, 46, table=1, columns="City | Clinics | Beds"), Section(46, len(text)))
    assert shown(text, sections) == [
        "Leeds | Clinics: 3 | Beds: 410",
        "York | Beds: 95",
        "Beds are counted in May.",
    ]


def test_the_lines_above_a_table_are_no_answer():
    headings = [each.text for each in candidates([passage(STATEMENT)]) if each.heading]
    assert headings == ["Consolidated statement of income\n(in thousands of euros)", "Year ended 30 June 2021 2022"]


@pytest.mark.parametrize(
    "text",
    [
        "It was founded in 1961 and sold in 1985. In 1990 it had 300 ships.",
        "The firm grew between 2020 and\n2022 by 12 percent, to 40 ships.",
        "Call us on 020 7946 0018",
        "Chapter 3",
        "Sales 12 14",  # no header says what these are
    ],
)
def test_prose_and_lone_figures_stay_as_they_are(text):
    assert " ".join(shown(text)) == " ".join(text.split("\n")) or shown(text) == [text]


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("What was the revenue in 2022?", "Revenue | 2021: 4,512 | 2022: 5,011"),
        ("How much was gross profit in 2021?", "Gross profit | 2021: 2,032"),
    ],
)
def test_a_question_for_a_row_and_a_column_is_answered_by_the_row(question, holds):
    other = "Gross tonnage rose. The fleet had 12 ships in 2022. Revenue is discussed in the notes."
    generator = ExtractiveGenerator(HashingEmbedder(64), Analyser(), threshold=0.0)
    answer = generator.generate(question, [passage(STATEMENT), passage(other, rank=2)])
    assert answer.text.startswith(holds)
    assert answer.citations[0].quote in STATEMENT  # what is cited is verbatim
