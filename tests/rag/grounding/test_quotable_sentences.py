from dataclasses import replace

import pytest

from rag.documents.document import Passage
from rag.grounding.quotable_sentences import LONGEST, MOST, candidates


def passage(text):
    return Passage(1, 1.0, 7, "d", "d", 0, len(text), text)


def texts(text):
    return [candidate.text for candidate in candidates([passage(text)])]


def test_list_and_heading_marks_are_left_out_of_the_quote():
    assert texts("# Install\n\n- Run the installer now.\n- Reboot the machine.\n") == [
        "Install",
        "Run the installer now.",
        "Reboot the machine.",
    ]


def test_what_has_no_letter_or_digit_is_no_candidate():
    assert texts("---\n\n***\n\n🙂🙂\n") == []


def test_a_text_without_stops_is_cut_at_spaces():
    text = "word " * 20_000
    found = candidates([passage(text)])
    assert len(found) == 100_000 // LONGEST + 1
    assert all(len(c.text) <= LONGEST and c.text == text[c.start : c.end] for c in found)
    assert "".join(c.text for c in found).replace(" ", "") == "word" * 20_000


def test_a_text_without_spaces_is_cut_anyway():
    assert "".join(texts("x" * 5_000)) == "x" * 5_000
    assert max(map(len, texts("x" * 5_000))) == LONGEST


def test_no_more_than_most():
    assert len(texts("It is so. " * (MOST + 50))) == MOST


@pytest.mark.parametrize(
    "line",
    [
        "# Installing the package",
        "[Install](install.md) [Run](run.md) [Stop](stop.md)",
        "https://example.org/a/very/long/path/to/a/page.html",
        "| option | default | meaning |",
        "See the table below:",
        "🐛 Fix the boiler that lost its water in the night.",
        "New documentation about background tasks is here.",
        "Read more about it in the documentation of Starlette.",
        "See [the guide](guide.md) for the rest.",
    ],
)
def test_what_only_points_to_an_answer_is_noise(line):
    assert candidates([passage(line)])[0].noise > 0


def test_code_is_noise_and_prose_is_not():
    text = (
        "Call the function first.\n\n```python\nimport rag  # the package to call\n```\n\nThen read what it returned.\n"
    )
    noise = {candidate.text: candidate.noise for candidate in candidates([passage(text)])}
    assert noise["Call the function first."] == 0
    assert noise["Then read what it returned."] == 0
    assert all(value > 0 for text, value in noise.items() if "import" in text)


def test_what_a_program_prints_in_columns_is_noise_as_code_is():
    text = (
        "Run it first.\n\n    pump   holds   12 of 12   A blocked valve is found.\n"
        "    lamp   holds   3 of 3   It lights.\n\n"
        "- A list goes on:\n\n    The second paragraph of its entry is prose.\n"
    )
    noise = {candidate.text: candidate.noise for candidate in candidates([passage(text)])}
    assert noise["Run it first."] == noise["The second paragraph of its entry is prose."] == 0
    assert all(value > 0 for text, value in noise.items() if "holds" in text)


def test_a_heading_without_a_mark_is_known_by_its_path():
    text = "The State Of Documentation For\nPositional-Only Parameters\n----------\n\nThey are written before a slash."
    heading = ("Rationale", "The state of documentation for positional-only parameters")
    found = candidates([replace(passage(text), heading=heading)])
    assert [(each.text.split()[0], each.noise) for each in found] == [("The", 3.0), ("They", 0.0)]
    assert [each.noise for each in candidates([passage(text)])] == [0.0, 0.0], "what else tells a heading"
