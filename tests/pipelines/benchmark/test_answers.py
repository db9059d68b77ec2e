"""What an approximation costs in answers: nothing where it is exact, and what it is where it is blind."""

from __future__ import annotations

import numpy as np
import pytest

import indexes
from indexes.flat import FlatIndex
from pipelines.benchmark import answers as module
from pipelines.benchmark.answers import answer_costs, configurations, load, questions_for
from pipelines.benchmark.report import report_page
from pipelines.benchmark.results import read
from rag import Bot, Document, KnowledgeBase, PipelineConfig
from rag.evaluation.questions.questions import Question, QuestionSet

ANIMALS = ("otter", "heron", "badger", "lynx", "stoat", "raven", "trout", "viper", "moth", "hare")
CONFIG = PipelineConfig()
PLACES = ("river", "marsh", "forest", "hill", "field")


class Blind(FlatIndex):
    """Holds everything and finds the farthest."""

    def search(self, queries, k, **options):
        return super().search(-np.asarray(queries), k, **options)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    texts = {
        f"{animal}-{place}": f"The {animal} of the {place} sleeps under stone number {i * 7 + j}. It eats little."
        for i, animal in enumerate(ANIMALS)
        for j, place in enumerate(PLACES)
    }
    folder = tmp_path_factory.mktemp("kb") / "kb"
    # No terms: the dense search alone decides.
    with KnowledgeBase.create(folder, embedder="hashing-256", chunker="document", indexes=["flat"]) as base:
        base.add([Document.from_text(text, id=name) for name, text in texts.items()])
        yield base


@pytest.fixture(scope="module")
def questions():
    rows = [
        Question(f"{animal}-{place}", f"Where does the {animal} of the {place} sleep?",
                 documents={f"{animal}-{place}": 1}, answers=(f"stone number {i * 7 + j}",))
        for i, animal in enumerate(ANIMALS)
        for j, place in enumerate(PLACES)
    ]  # fmt: skip
    return QuestionSet(tuple(rows), "50 questions")


@pytest.mark.slow
def test_an_exact_index_costs_nothing_and_a_blind_one_everything(kb, questions, monkeypatch):
    original = indexes.dense
    blind = lambda spec, dim, **o: Blind(dim, **o) if spec == "blind" else original(spec, dim, **o)  # noqa: E731
    monkeypatch.setattr(module.indexes, "dense", blind)
    costs = answer_costs(kb, questions, ["hnsw:ef=200", "blind"], config=CONFIG)
    assert costs.n == 50
    assert costs.exact["context_recall"] > 0.8
    assert costs.exact["answer_containment"] > 0.5
    same = costs.by_index["hnsw:ef=200"]
    for name in costs.exact:
        assert (same[name]["difference"], same[name]["ties"], same[name]["p"]) == (0.0, 50, 1.0)
    lost = costs.by_index["blind"]
    assert lost["context_recall"]["difference"] == pytest.approx(-costs.exact["context_recall"], abs=0.05)
    assert lost["context_recall"]["p"] < 0.01
    assert lost["answer_containment"]["value"] < 0.1
    assert lost["answer_containment"]["losses"] > 20


def test_the_bot_that_is_measured_answers_as_ask_does(kb, questions):
    """Word for word: the exact index in place of the knowledge base's own changes nothing."""
    ids = kb.chunk_ids()
    index = module._built(kb, "flat", ids, kb.vectors(ids.tolist()), "cosine", 0)
    measured, asked = module._bot(kb, index, CONFIG), Bot(kb, config=CONFIG)
    for question in questions:
        one, other = measured.ask(question.text), asked.ask(question.text)
        assert (one.text, one.support, one.pipeline) == (other.text, other.support, other.pipeline)
        assert [(p.chunk, p.score) for p in one.passages] == [(p.chunk, p.score) for p in other.passages]


def test_time_that_is_up_leaves_indexes_out_and_says_which(kb, questions, tmp_path):
    few = QuestionSet(questions.questions[:5], "5 questions")
    costs = answer_costs(kb, few, ["hnsw", "ivf", "lsh"], seconds=0.0, config=CONFIG)
    assert list(costs.by_index) == ["hnsw"]
    assert costs.left == ["ivf", "lsh"]
    costs.save(tmp_path)
    assert load(tmp_path) == costs


def test_where_time_is_short_fewer_questions_are_asked(kb, questions):
    costs = answer_costs(kb, questions, ["hnsw"], seconds=0.0, config=CONFIG)
    assert (costs.n, costs.questions) == (20, "20 of 50 questions")
    assert costs.by_index["hnsw"]["context_recall"]["ties"] == 20
    assert answer_costs(kb, questions, ["hnsw"], seconds=1000.0, config=CONFIG).n == 50


def test_questions_are_made_of_the_chunks_with_these_as_gold(kb):
    made = questions_for(kb, None, n=10)
    assert len(made) == 10
    for question in made:
        ((chunk, grade),) = question.chunks.items()
        assert grade == 1
        assert question.text in kb.chunks([chunk])[0].text
        assert question.answers == (question.text,)
    assert questions_for(kb, None, n=10) == made


@pytest.mark.slow
def test_only_the_front_is_asked(planted_run):
    specs = configurations(read(planted_run))
    assert 1 <= len(specs) <= module.MAX_INDEXES
    assert "crasher" not in specs


@pytest.mark.slow
def test_they_are_kept_beside_the_results_and_shown(kb, questions, planted_run, tmp_path):
    assert load(tmp_path) is None
    costs = answer_costs(kb, QuestionSet(questions.questions[:5], "five <b>questions</b>"), ["hnsw"], config=CONFIG)
    costs.save(tmp_path)
    assert load(tmp_path) == costs
    page = report_page(read(planted_run), costs)
    assert "What the approximation costs in answers" in page
    assert "five &lt;b&gt;questions&lt;/b&gt;" in page
