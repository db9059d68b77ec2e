"""An experiment on a knowledge base that is there: asked as it is, not written to, measured anew when it changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipelines.experiments import Experiment, run
from pipelines.experiments.config import Measure
from rag import Document, HashingEmbedder, KnowledgeBase, PipelineConfig
from rag.errors import InvalidInput
from rag.evaluation import evaluate, read_questions
from rag.retrieval.retriever import Retriever


@pytest.fixture
def kb(tmp_path: Path, facts: dict[str, str]) -> Path:
    """One that no corpus of an experiment would become: cut, searched and indexed otherwise."""
    own = {"embedder": HashingEmbedder(64), "chunker": "document", "analyser": "german", "granularity": "chunk"}
    with KnowledgeBase.create(tmp_path / "kb", indexes=("hnsw", "bm25:k1=0.9"), **own) as made:  # type: ignore[arg-type]
        made.add(Document.from_text(text, id=name, title=name.title()) for name, text in facts.items())
    return tmp_path / "kb"


def experiment(place: Path, beir: Path, **more: object) -> Experiment:
    own = {"vary": {"fusion": ["zscore", "terms", "dense"]}, "measure": Measure(metrics=("nDCG@10", "RR"), latency=0)}
    return Experiment(**{"kb": str(place), "questions": f"beir:{beir}", **own, **more})  # type: ignore[arg-type]


def digest(folder: Path) -> str:
    own = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in own)).hexdigest()


def test_the_figures_are_those_of_the_knowledge_base_itself(kb: Path, beir: Path, tmp_path: Path) -> None:
    before = digest(kb)
    result = run(experiment(kb, beir), tmp_path / "out")
    assert digest(kb) == before
    assert not [row.error for row in result.rows if row.error]
    questions = read_questions(f"beir:{beir}")
    with KnowledgeBase.open(kb) as base:
        for row in result.rows:
            with Retriever(base, PipelineConfig(fusion=str(row.parts["fusion"]))) as retriever:
                own = evaluate(retriever, questions, metrics=["nDCG@10", "RR"])
            assert {m: a.value for m, a in row.metrics.items()} == {m: a.value for m, a in own.metrics.items()}
    assert len({row.metrics["nDCG@10"].value for row in result.rows}) > 1
    assert result.card["corpus"]["paths"] == [str(kb)]


def test_nothing_is_asked_twice_until_the_knowledge_base_changes(kb: Path, beir: Path, tmp_path: Path) -> None:
    first = run(experiment(kb, beir), tmp_path / "out")
    assert first.card["stages_done"]["run"] == 3
    assert sum(run(experiment(kb, beir), tmp_path / "out").card["stages_done"].values()) == 0
    with KnowledgeBase.open(kb, mode="w") as base:
        base.add([Document.from_text("Otters, badgers and herons.", id="mixed")])
    assert run(experiment(kb, beir), tmp_path / "out").card["stages_done"]["run"] == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"corpus": "docs"}, "not both"),
        ({"vary": {"chunker": ["document"]}}, "give its files as corpus"),
        ({"kb": ""}, "corpus is empty"),
    ],
)
def test_what_does_not_go_together_is_refused(kb: Path, beir: Path, more: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        experiment(kb, beir, **more)


def test_a_file_names_it_relative_to_itself(kb: Path, beir: Path) -> None:
    file = kb.parent / "own.toml"
    file.write_text(f'kb = "kb"\nquestions = "beir:{beir.name}"\n')
    assert Experiment.read(file).kb == str(kb)
