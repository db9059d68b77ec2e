import pytest
from timing import grows_less

from rag.extractive.question_type import analyse


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Who founded the Ulster Volunteers?", "person"),
        ("By whom was the bridge built?", "person"),
        ("Which scientist discovered polonium?", "person"),
        ("When did the oil crisis begin?", "time"),
        ("In what year was Warsaw rebuilt?", "time"),
        ("Where is the Hoover dam?", "place"),
        ("What city hosted the games?", "place"),
        ("How many chunks fit one batch?", "number"),
        ("How long is the Rhine?", "number"),
        ("What is the population of Fresno?", "number"),
        ("How much did the ticket cost?", "money"),
        ("What percentage of voters agreed?", "percent"),
        ("Why does the sky look blue?", "reason"),
        ("How do I install the package?", "manner"),
        ("What is a vector index?", "definition"),
        ("Is the index saved on disk?", "yesno"),
        ("Can I remove a document?", "yesno"),
        ("What does the flag change?", "thing"),
        ("¿Cómo se instala el paquete?", "manner"),
        ("oil embargo", "other"),
        ("", "other"),
        ("🙂", "other"),
    ],
)
def test_kind(text, kind):
    assert analyse(text).kind == kind


def test_focus_names_what_is_asked_for():
    assert "city" in analyse("What city hosted the games?").focus
    assert analyse("How many chunks fit one batch?").focus == ("chunks",)


def test_time_is_linear_in_the_question():
    grows_less(lambda n: analyse("a'b" * n + " what" * n), 10_000, 100_000, than=40)


def test_what_happens_asks_for_more_than_a_thing():
    assert analyse("What happens when the disk is full?").kind == "manner"
    assert analyse("What happened to the ship?").kind == "manner"
