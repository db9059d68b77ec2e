"""A knowledge base scored by MTEB, on a task made here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.evaluation.mteb_search import KnowledgeBaseSearch
from rag.documents.document import Document
from rag.errors import ExtraMissing, InvalidInput
from rag.evaluation import Question, QuestionSet, evaluate
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever

TEXTS = {
    "otter": "Otters hold hands while they sleep. The current does not part them then. They eat clams all day.",
    "badger": "Badgers dig setts with many rooms. They air the bedding in the sun.",
    "heron": "Herons stand still for an hour. They strike faster than a fish can turn.",
    "toad": "Toads return to the pond of their birth. They spawn there each spring.",
}
ASKED = {"q1": ("Who holds hands asleep?", "otter"), "q2": ("Who airs bedding in the sun?", "toad"),
         "q3": ("Who spawns in a pond each spring?", "toad")}  # fmt: skip
OPTIONS: dict[str, Any] = {"embedder": "hashing-64", "chunker": "sentences:8/0"}
CONFIG = PipelineConfig(fusion="terms")


def test_without_mteb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "mteb"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[mteb\]'"):
        KnowledgeBaseSearch(tmp_path)


@pytest.fixture(scope="module")
def task() -> Any:
    """A task of MTEB whose data are here."""
    pytest.importorskip("mteb", reason="pip install 'rag-workbench[mteb]'")
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    class Animals(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="Animals", description="x", reference=None, dataset={"path": "none", "revision": "1"},
            type="Retrieval", category="t2t", modalities=["text"], eval_splits=["test"], eval_langs=["eng-Latn"],
            main_score="ndcg_at_10", date=None, domains=[], task_subtypes=[], license="cc-by-4.0",
            annotations_creators="derived", dialect=[], sample_creation="found", bibtex_citation="",
        )  # fmt: skip

        def load_data(self, *_: Any, **__: Any) -> None:
            corpus = [{"id": name, "title": "", "text": text} for name, text in TEXTS.items()]
            queries = [{"id": name, "text": text} for name, (text, _) in ASKED.items()]
            gold = {name: {document: 1} for name, (_, document) in ASKED.items()}
            data = {"corpus": Dataset.from_list(corpus), "queries": Dataset.from_list(queries)}
            self.dataset = {"default": {"test": {**data, "relevant_docs": gold, "top_ranked": None}}}
            self.data_loaded = True

    return Animals()


@pytest.mark.slow
def test_mteb_finds_the_figures_of_our_own_evaluation(task: Any, tmp_path: Path):
    import mteb

    model = KnowledgeBaseSearch(tmp_path / "kbs", CONFIG, name="me/mine", **OPTIONS)
    assert isinstance(model, mteb.SearchProtocol)
    found = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    scores = found.task_results[0].scores["test"][0]

    questions = QuestionSet(tuple(Question(name, text, documents={gold: 1}) for name, (text, gold) in ASKED.items()))
    with KnowledgeBase.create(tmp_path / "kb", **OPTIONS) as kb:
        kb.add([Document.from_text(text, id=name) for name, text in TEXTS.items()])
        own = evaluate(Retriever(kb, CONFIG), questions, metrics=["nDCG@10", "P@1"])
    assert 0 < own.metrics["P@1"].value < 1
    assert scores["ndcg_at_10"] == pytest.approx(own.metrics["nDCG@10"].value, abs=1e-5)
    assert scores["precision_at_1"] == pytest.approx(own.metrics["P@1"].value, abs=1e-5)
    assert (found.model_name, found.model_revision) == ("me/mine", model.mteb_model_meta.revision)


@pytest.mark.slow
def test_another_pipeline_is_another_revision(tmp_path: Path):
    pytest.importorskip("mteb", reason="pip install 'rag-workbench[mteb]'")

    def revision(config: PipelineConfig, **options: Any) -> str:
        return str(KnowledgeBaseSearch(tmp_path, config, **options).mteb_model_meta.revision)

    found = [
        revision(CONFIG, **OPTIONS),
        revision(CONFIG.with_(fusion="rrf"), **OPTIONS),
        revision(CONFIG, **{**OPTIONS, "chunker": "document"}),
    ]
    assert len(set(found)) == 3
    assert revision(CONFIG, **OPTIONS) == found[0]


@pytest.mark.slow
def test_what_cannot_be_searched_for_is_refused(task: Any, tmp_path: Path):
    model = KnowledgeBaseSearch(tmp_path, CONFIG, **OPTIONS)
    where = {"task_metadata": task.metadata, "hf_split": "test", "hf_subset": "default", "top_k": 3}
    with pytest.raises(InvalidInput, match="Animals gives the documents to rerank"):
        model.search([], top_ranked={"q1": ["otter"]}, **where)
    with pytest.raises(InvalidInput, match="'q1' is a list"):
        model.search([{"id": "q1", "text": ["a turn"]}], **where)
    with pytest.raises(InvalidInput, match="organisation/name"):
        KnowledgeBaseSearch(tmp_path, name="mine")
