"""Perturbed questions and disturbed passages: seeded, meaning kept, survival counted."""

from __future__ import annotations

import random
import re

import pytest

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.errors import InvalidInput
from rag.evaluation import Question, QuestionSet
from rag.evaluation.robustness.disturbances import contradicted
from rag.evaluation.robustness.perturbations import PERTURBATIONS, paraphrase, word_order
from rag.evaluation.robustness.robustness import changes, perturbed, robustness

ANIMALS = {
    "otter": "Otters hold hands while they sleep, so that the current does not part them.",
    "crow": "Crows remember human faces for as long as 5 years.",
    "octopus": "An octopus has three hearts and blue blood.",
    "bee": "A honey bee visits 2000 flowers a day.",
    "shark": "Sharks are older than trees by 50 million years.",
    "sloth": "Sloths climb down from their tree once a week.",
}
QUESTIONS = QuestionSet(
    (
        Question("1", "How many hearts has an octopus?", {"octopus": 1}, answers=("three hearts",)),
        Question("2", "Why do otters hold hands while they sleep?", {"otter": 1}, answers=("current does not part",)),
        Question("3", "How many flowers does a honey bee visit?", {"bee": 1}, answers=("2000",)),
    )
)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    place = tmp_path_factory.mktemp("animals") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(), chunker="document") as made:
        made.add([Document.from_text(text, id=name) for name, text in ANIMALS.items()])
        yield made


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_perturbations_are_seeded_and_change_the_text_alone(name):
    once, again = perturbed(QUESTIONS, name, seed=3), perturbed(QUESTIONS, name, seed=3)
    assert once.questions == again.questions
    assert [q.id for q in once] == ["1", "2", "3"]
    assert [q.documents for q in once] == [q.documents for q in QUESTIONS]
    assert all(new.text != old.text for new, old in zip(once, QUESTIONS, strict=True))


@pytest.mark.parametrize("text", ["?", "a", "Why?", "猫はどこ？", "", " ", "x" * 500, "a b c d e f g h"])
@pytest.mark.parametrize("name", PERTURBATIONS)
def test_odd_questions_give_a_text(name, text):
    assert isinstance(PERTURBATIONS[name](text, 0), str)


def test_word_order_keeps_the_words_and_the_first_one():
    text = "How many hearts has an octopus of the sea?"
    for seed in range(30):
        other = word_order(text, seed)
        assert sorted(re.findall(r"\w+", other)) == sorted(re.findall(r"\w+", text))
        assert other != text
        assert other.startswith("How ")
        assert other.endswith("?")


def test_paraphrases_keep_what_is_asked_about():
    assert paraphrase("How do I delete a document?", 0) in {
        "what is the way to delete a document?",
        "I want to delete a document; how is it done?",
    }
    assert "octopus" in paraphrase("Tell me of the octopus", 1)


def test_contradictions_say_otherwise():
    said = contradicted("Crows are clever. They remember faces for 5 years.", random.Random(0))
    assert said.startswith("Crows are not clever.")
    assert "5 years" not in said
    assert re.search(r"\d years", said)
    assert contradicted("It is always on.", random.Random(0)) == "It is not never on."


def test_survival_of_retrieval(kb):
    found = {s.change: s for s in robustness(Retriever(kb, k=2), QUESTIONS, metric="Success@1", k=2)}
    assert set(found) == set(PERTURBATIONS)
    assert found["upper_case"].survived.value == 1
    assert found["shuffled"].survived.value == 1  # words alone decide here
    assert found["upper_case"].survived.n == 3
    assert found["upper_case"].before.value == found["upper_case"].after.value == 1


def test_what_does_not_survive_is_listed():
    class Literal:
        """Finds the right document only for the question as it was asked."""

        def retrieve(self, question, k):
            from builders import passage

            known = {q.text: next(iter(q.documents)) for q in QUESTIONS}
            return [passage(known.get(question, "nothing"))]

    (found,) = robustness(Literal(), QUESTIONS, metric="Success@1", names=["typo"])
    assert (found.survived.value, found.before.value, found.after.value) == (0, 1, 0)
    assert found.lost == ("1", "2", "3")


def test_questions_that_were_wrong_before_do_not_count():
    class Half:
        def retrieve(self, question, k):
            from builders import passage

            return [passage("octopus")]

    (found,) = robustness(Half(), QUESTIONS, metric="Success@1", names=["lower_case"])
    assert (found.survived.value, found.survived.n) == (1, 1)
    (none,) = robustness(Half(), QUESTIONS.where(lambda q: q.id == "3"), metric="Success@1", names=["typo"])
    assert none.survived.value is None
    assert none.survived.reason == "no question was right before"


def test_failures_under_change_count_as_lost():
    class Breaks:
        def retrieve(self, question, k):
            from builders import passage

            if question.isupper():
                raise RuntimeError("too loud")
            return [passage("octopus")]

    (found,) = robustness(Breaks(), QUESTIONS, metric="Success@1", names=["upper_case"])
    assert (found.survived.value, found.survived.n_failed) == (0, 1)
    assert "too loud" in found.survived.reason


@pytest.mark.parametrize("name", ["distractors", "near_duplicates", "contradictions"])
def test_disturbed_passages_reach_the_generator(kb, name):
    read = []

    class Spy:
        def generate(self, question, passages):
            from rag import Answer

            read.append(passages)
            return Answer(question, passages[0].text, passages=tuple(passages))

    bot = Bot(Retriever(kb, k=2), Spy())
    (found,) = robustness(bot, QUESTIONS, metric="answer_containment", names=[name], k=2)
    plain, changed = read[:3], read[3:]
    assert len(changed) == 3
    for before, after in zip(plain, changed, strict=True):
        assert {p.text for p in before} < {p.text for p in after}
        assert [p.rank for p in after] == list(range(1, len(after) + 1))
    assert found.survived.n == 3


def test_the_extractive_bot_survives_distractors(kb):
    found = robustness(
        Bot(Retriever(kb, k=2)), QUESTIONS, metric="answer_containment", names=["distractors", "contradictions"], k=2
    )
    assert [s.survived.n for s in found] == [3, 3]
    assert found[0].survived.value == 1


def test_unknown_changes_are_refused(kb):
    with pytest.raises(InvalidInput, match="choose from typo, two_typos"):
        robustness(Retriever(kb), QUESTIONS, metric="RR", names=["typoo"])
    with pytest.raises(InvalidInput, match="give a Bot"):
        robustness(Retriever(kb), QUESTIONS, metric="RR", names=["distractors"])
    assert set(PERTURBATIONS) < set(changes())
