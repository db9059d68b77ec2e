"""Several knowledge bases in one retriever: as if all documents were in one, named with their collections."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag import Bot, Document, HashingEmbedder, InvalidInput, KnowledgeBase, PipelineConfig, Retriever
from rag.evaluation import Question, QuestionSet, evaluate
from rag.retrieval.several import KnowledgeBases

WORDS = re.findall(
    r"\w+", "tea otter badger kelp river boat moon bee honey stone water leaf night fish reed sett room queen egg day"
)


def texts(n: int, seed: int) -> list[Document]:
    rng = random.Random(seed)

    def sentence(k: int) -> str:
        return " ".join(rng.choices(WORDS, k=k))

    return [
        Document.from_text(f"{sentence(14)} {seed}x{i}. {sentence(9)}.", id=f"d{i}", n=i, modified=1000.0 * i)
        for i in range(n)
    ]


class World:
    """The same documents in two knowledge bases and in one."""

    def __init__(self, folder: Path, stack: ExitStack, granularity: str) -> None:
        making = {"embedder": HashingEmbedder(64), "granularity": granularity}
        self.parts = {}
        one = stack.enter_context(KnowledgeBase.create(folder / "one", **making))  # type: ignore[arg-type]
        for name, n in (("left", 40), ("right", 120)):
            kb = stack.enter_context(KnowledgeBase.create(folder / name, **making))  # type: ignore[arg-type]
            kb.add(texts(n, len(name)))
            one.add(
                Document.from_text(d.text, id=f"{name}:{d.id}", modified=d.modified, **d.metadata)
                for d in texts(n, len(name))
            )
            self.parts[name] = kb
        self.one = one


@pytest.fixture(params=["chunk", "chunk+sentence"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack, request.param)


def test_dense_search_is_that_of_one_knowledge_base_to_the_last_digit(world: World) -> None:
    several, one = (Retriever(kb, fusion="dense", rewrite="none", k=10) for kb in (world.parts, world.one))
    for question in ("otter in the river", "queen bee honey", "stone water night"):
        a, b = several.retrieve(question), one.retrieve(question)
        assert [p.score for p in a] == pytest.approx([p.score for p in b], abs=1e-6)
        assert {p.document for p in a[:9] if p.score > a[9].score + 1e-5} <= {p.document for p in b}


def test_terms_weigh_as_in_one_knowledge_base(world: World) -> None:
    """ "moon" in every document of one part, and rare in the other, must not favour the other."""
    world.parts["left"].add([Document.from_text("The moon and the sea.", id="rare")])
    world.parts["right"].add(Document.from_text(f"moon moon tide number{i}", id=f"m{i}") for i in range(60))
    world.one.add([Document.from_text("The moon and the sea.", id="left:rare")])
    world.one.add(Document.from_text(f"moon moon tide number{i}", id=f"right:m{i}") for i in range(60))
    for question in ("moon", "moon tide", "moon kelp honey", "badger sett"):
        a, b = (
            Retriever(kb, fusion="terms", rewrite="none", k=20).retrieve(question) for kb in (world.parts, world.one)
        )
        assert [p.score for p in a] == pytest.approx([p.score for p in b], rel=0.12)  # mean lengths differ
    first = Retriever(world.parts, fusion="terms", rewrite="none").retrieve("moon tide")[0]
    assert first.source.startswith("right:m")


def test_hybrid_search_finds_nearly_the_same_and_explains(world: World) -> None:
    several, one = Retriever(world.parts, k=10), Retriever(world.one, k=10)
    same = 0
    for question in ("otter in the river", "queen bee honey", "stone water night", "kelp and fish and reed"):
        a, b = several.retrieve(question), one.retrieve(question)
        same += len({p.document for p in a} & {p.document for p in b})
    assert same >= 34
    assert several.explain("otter in the river").passages


def test_filters_reranking_and_context_work_across(world: World) -> None:
    with Retriever(
        world.parts, rerank="mmr+recency", context="neighbours:sentences=1", where="n < 3", k=6
    ) as retriever:
        found = retriever.retrieve("otter river")
    assert {p.document for p in found} <= {f"{name}:d{i}" for name in ("left", "right") for i in range(3)}
    assert {p.source.split(":")[0] for p in found} == {"left", "right"}
    both = KnowledgeBases(world.parts)
    for passage in found:
        assert both.document(passage.document).text[passage.start : passage.end] == passage.text
    world.parts["left"].hide("d0")
    assert both.allowed(None) is not None
    assert "left:d0" not in {p.document for p in Retriever(world.parts, k=160, dedupe=False).retrieve("otter")}


def test_a_bot_cites_by_collection(world: World) -> None:
    world.parts["left"].add([Document.from_text("Green tea is steeped at 80 degrees.", id="tea.md")])
    cited = Bot(list(world.parts.values())).ask("How hot is green tea steeped?").citations[0]
    assert (cited.source, cited.quote) == ("left:tea.md", "Green tea is steeped at 80 degrees.")


def test_rows_of_many_questions_and_ids_agree(world: World) -> None:
    both = KnowledgeBases(world.parts)
    ids = both.chunk_ids()
    assert len(ids) == 160 == len(both.index("dense"))
    assert list(ids) == sorted(set(ids.tolist()))
    shuffled = np.random.default_rng(0).permutation(ids)[:30]
    records = both.chunks(shuffled.tolist())
    assert [r.id for r in records] == shuffled.tolist()
    vectors = both.vectors(shuffled.tolist())
    for record, vector in zip(records, vectors, strict=True):
        name, _, document = record.document.partition(":")
        kb = world.parts[name]
        own = next(i for i in kb.chunk_ids() if kb.chunks([int(i)])[0].document == document)
        assert np.array_equal(kb.vectors([int(own)])[0], vector)
    many = Retriever(world.parts, k=3).search_many(["otter", "bee"])
    assert [len(found.passages) for found in many] == [3, 3]


def test_what_cannot_be_compared_is_refused_by_name(world: World, tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "german", embedder=HashingEmbedder(64), analyser="german",
                              granularity=world.one.granularity) as other:  # fmt: skip
        with pytest.raises(InvalidInput, match="german was made with analyser"):
            Retriever([world.parts["left"], other])
        with pytest.raises(InvalidInput, match="two knowledge bases are called 'left'"):
            Retriever([world.parts["left"], world.parts["left"]])
        with pytest.raises(InvalidInput, match="at least one"):
            Retriever([])
        with pytest.raises(InvalidInput, match="begin with a collection: left, right"):
            KnowledgeBases(world.parts).document("d0")
    PipelineConfig(k=3).store(world.parts["left"])
    with pytest.raises(InvalidInput, match="different pipelines"):
        Retriever(world.parts)
    assert Retriever(world.parts, PipelineConfig(k=4)).config.k == 4
    PipelineConfig(k=3).store(world.parts["right"])
    assert Retriever(world.parts).config.k == 3


def test_it_is_evaluated_as_one(world: World) -> None:
    both = Retriever(world.parts, k=10)
    asked = [Question(name, f"What says {name}?", documents={f"{name}:d7": 1}) for name in world.parts]
    known = {record.document: record.text for record in both.kb.chunks(both.kb.chunk_ids().tolist())}
    asked = [replace(question, text=known[f"{question.id}:d7"]) for question in asked]
    assert evaluate(both, QuestionSet(tuple(asked)), metrics=["R@5"], k=5).metrics["R@5"].value == 1.0
    assert len(both.kb.document_ids()) == len(both.kb.sources()) == 160


def test_the_documents_that_a_filter_allows_are_named_with_their_collections(world: World) -> None:
    both = KnowledgeBases(world.parts)
    assert both.document_ids("n < 1") == ["left:d0", "right:d0"]
    assert len(both.document_ids()) == 160
