"""What the generator reads: every passage stays a span of its document, and each step does what it says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from rag.bot import Bot
from rag.components import chain
from rag.context import BUILDERS, Context, ContextBuilder
from rag.context.budget import TokenBudget, knapsack
from rag.context.edges import BestAtEdges
from rag.context.neighbours import Neighbours
from rag.context.section import ParentSection
from rag.context.unique import NearDuplicates
from rag.deadlines import Deadline
from rag.documents.document import Document, Passage
from rag.documents.sections import Section
from rag.embedding import HashingEmbedder
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.sentences import sentences
from rag.stages import Tools

NAMES = ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel"]
NAMES += ["Ironwood", "Juniper", "Katsura", "Larch"]

NEVER = Deadline.after(None)


def guide() -> Document:
    """Three sections of sentences, one a tree, with accents and emoji so that characters are not bytes."""
    parts, sections = [], []
    start = 0
    for n in range(3):
        body = " ".join(f"{name} \N{DECIDUOUS TREE} grows naïvely in zone {n}." for name in NAMES[4 * n : 4 * n + 4])
        text = f"{body}\n\n"
        sections.append(Section(start, start + len(text), (f"Zone {n}",)))
        parts.append(text)
        start += len(text)
    return Document("guide", "".join(parts), source="guide.md", title="Trees", sections=tuple(sections))


E = HashingEmbedder(128)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    place = tmp_path_factory.mktemp("context") / "kb"
    with KnowledgeBase.create(place, embedder=E, chunker="sentences:12/0") as made:
        made.add([guide(), Document.from_text("Nothing on trees. Only on boats here.", id="boats")])
        yield made


def passage(kb: KnowledgeBase, name: str, rank: int = 1, score: float | None = None) -> Passage:
    """The chunk of a tree."""
    for c in kb.chunks(kb.chunk_ids()):
        if name in c.text:
            score = 1.0 / rank if score is None else score
            return Passage(rank, score, c.id, c.document, c.source, c.start, c.end, c.text)
    raise LookupError(name)


def verbatim(kb: KnowledgeBase, passages: Sequence[Passage]) -> None:
    for p in passages:
        assert kb.document(p.document).text[p.start : p.end] == p.text


def trees(text: str) -> list[str]:
    return [name for name in NAMES if name in text]


def test_neighbours_are_sentences_of_the_same_section(kb: KnowledgeBase) -> None:
    found = Neighbours(kb, sentences=1).build("q", [passage(kb, "Fir"), passage(kb, "Ironwood", 2)])
    verbatim(kb, found)
    assert [trees(p.text) for p in found] == [["Elm", "Fir", "Ginkgo"], ["Ironwood", "Juniper"]]
    assert [len(sentences(p.text)) for p in found] == [3, 2]
    assert [p.rank for p in found] == [1, 2]
    (wide,) = Neighbours(kb, sentences=50).build("q", [passage(kb, "Ginkgo")])
    assert trees(wide.text) == NAMES[4:8], "no further than the section"
    (edge,) = Neighbours(kb, sentences=3).build("q", [passage(kb, "Larch")])
    assert trees(edge.text) == NAMES[8:12]


def test_passages_that_meet_become_one(kb: KnowledgeBase) -> None:
    given = [passage(kb, "Fir", 1), passage(kb, "Larch", 2), passage(kb, "Hazel", 3), passage(kb, "Elm", 4)]
    found = Neighbours(kb, sentences=2).build("q", given)
    verbatim(kb, found)
    assert [(p.chunk, trees(p.text)) for p in found] == [
        (given[0].chunk, NAMES[4:8]),
        (given[1].chunk, NAMES[9:12]),
    ]
    (joined,) = Neighbours(kb, sentences=1).build(
        "q", [passage(kb, "Fir", 2), passage(kb, "Hazel", 3), passage(kb, "Ginkgo", 1)]
    )
    assert trees(joined.text) == NAMES[4:8], "the third joins the first and the second"


def test_the_parent_section(kb: KnowledgeBase) -> None:
    found = ParentSection(kb, E).build("q", [passage(kb, "Fir"), passage(kb, "Elm", 2), passage(kb, "boats", 3)])
    verbatim(kb, found)
    assert [trees(p.text) for p in found] == [NAMES[4:8], []]
    assert found[1].text == "Nothing on trees. Only on boats here."
    small = ParentSection(kb, E, tokens=20).build("q", [passage(kb, "Fir")])
    assert small[0].text == passage(kb, "Fir").text, "a section that is too long is not taken"


def many(*texts: str) -> list[Passage]:
    return [Passage(n, 10.0 - n, n, f"d{n}", "s", 0, len(text), text) for n, text in enumerate(texts, 1)]


def test_the_best_stand_at_the_edges() -> None:
    found = BestAtEdges().build("q", many(*"abcdef"))
    assert [p.rank for p in found] == [1, 3, 5, 6, 4, 2]
    assert BestAtEdges().build("q", []) == []


def test_near_copies_go_and_other_numbers_stay() -> None:
    text = "The reserve of the northern lake was founded by three keepers and their families in the spring of that year"
    given = many(text + ".", text + "!", text + " 1987.", text.replace("three", "four"), "Something else altogether.")
    found = NearDuplicates(likeness=0.7).build("q", given)
    assert [p.rank for p in found] == [1, 3, 5]
    assert [p.rank for p in NearDuplicates(likeness=1.0).build("q", given)] == [1, 3, 4, 5]
    backwards = NearDuplicates(likeness=0.7).build("q", given[::-1])
    assert [p.rank for p in backwards] == [5, 3, 1], "the better-ranked one stays, wherever it stands"


def test_the_knapsack_is_the_best_of_all_sets() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        n = int(rng.integers(0, 9))
        costs, worth = rng.integers(1, 30, n), rng.random(n) + 0.01
        budget = int(rng.integers(0, 90))
        sets = (s for r in range(n + 1) for s in itertools.combinations(range(n), r))
        best = max(float(worth[list(s)].sum()) for s in sets if costs[list(s)].sum() <= budget)
        found = knapsack(costs, worth, budget)
        assert costs[found].sum() <= budget
        assert worth[found].sum() == pytest.approx(best)


def test_the_budget_holds_and_the_best_stays() -> None:
    count = lambda text: len(text.split())  # noqa: E731
    given = many("a " * 30, "b " * 25, "c " * 10, "d " * 9, "e " * 40)
    for tokens in (1, 5, 35, 45, 55, 80, 500):
        found = TokenBudget(E, tokens=tokens, overhead=1, count=count).build("q", given)
        assert sum(count(p.text) + 1 for p in found) <= max(tokens, 1)
        assert found[0].rank == 1
        assert [p.rank for p in found] == sorted(p.rank for p in found)
    assert len(TokenBudget(E, tokens=500, overhead=1, count=count).build("q", given)) == 5
    # two short ones are worth more than the one long one that fits beside the best
    assert [p.rank for p in TokenBudget(E, tokens=53, overhead=1, count=count).build("q", given)] == [1, 3, 4]


def test_the_best_passage_is_cut_after_a_sentence(kb: KnowledgeBase) -> None:
    (section,) = ParentSection(kb, E).build("q", [passage(kb, "Fir")])
    for tokens in range(1, 40):
        budget = TokenBudget(E, tokens=tokens, overhead=0)
        (cut,) = budget.build("q", [section])
        verbatim(kb, [cut])
        assert len(E.tokenizer.offsets([cut.text])[0]) <= tokens
        one = len(E.tokenizer.offsets([section.text[: sentences(section.text)[0][1]]])[0])
        if tokens >= one:
            assert cut.text.endswith(".")


def test_steps_in_a_row_failures_and_what_was_dropped(kb: KnowledgeBase) -> None:
    class Broken:
        name = "broken"

        def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
            raise RuntimeError("no")

    assert isinstance(Broken(), ContextBuilder)
    given = [passage(kb, name, rank) for rank, name in enumerate(("Fir", "Ginkgo", "Larch", "Alder"), 1)]
    built = Context([Neighbours(kb, sentences=1), Broken(), BestAtEdges()]).run("q", given, NEVER)
    verbatim(kb, built.passages)
    assert [p.rank for p in built.passages] == [1, 3, 2]
    assert [(p.chunk, why) for p, why in built.dropped] == [
        (given[1].chunk, "neighbours: joined with one that it meets")
    ]
    assert built.notes[0].startswith("broken was left out: RuntimeError (test_context.py, line ")
    assert [name for name, _ in built.seconds] == ["neighbours", "broken", "edges"]


def test_names(kb: KnowledgeBase) -> None:
    tools = Tools(kb)
    assert chain("context step", BUILDERS, "none", tools) == []
    names = "neighbours:sentences=1+unique+budget:tokens=300,overhead=4+edges+section:tokens=90"
    made = chain("context step", BUILDERS, names, tools)
    assert [each.name for each in made] == ["neighbours", "unique", "budget", "edges", "section"]
    for wrong, said in {
        "neighbors": "did you mean 'neighbours'",
        "neighbours:sentence=1": "did you mean 'sentences'",
        "neighbours:sentences=0": "1 or more",
        "budget:tokens=x": "whole number",
        "edges+none": "cannot be combined",
        "unique:likeness=2": "at most 1",
    }.items():
        with pytest.raises(InvalidInput, match=said):
            chain("context step", BUILDERS, wrong, tools)


def test_a_refined_retriever_answers_with_checkable_citations(kb: KnowledgeBase) -> None:
    steps = "neighbours:sentences=1+budget:tokens=200"
    refined = Retriever(kb, k=3, rerank="mmr:diversity=0.2", rerank_in=8, context=steps)
    found = refined.search("Where does Katsura grow?")
    verbatim(kb, found.passages)
    assert {"rerank", "context"} <= set(found.timings)
    assert found.notes == ()
    assert refined.retrieve("Where does Katsura grow?") == found.passages
    answer = Bot(refined).ask("Where does Katsura grow?")
    for citation in answer.citations:
        assert kb.document(citation.document).text[citation.start : citation.end] == citation.quote


def test_a_failure_is_marked_in_the_answer(kb: KnowledgeBase) -> None:
    class Broken:
        name = "broken"

        def score(self, question: str, passages: Sequence[Passage], *, deadline: float | None = None) -> np.ndarray:
            raise RuntimeError("no")

    refined = Retriever(kb, k=3, rerank=Broken())
    assert refined.retrieve("Where does Katsura grow?") == Retriever(kb, k=3).retrieve("Where does Katsura grow?")
    answer = Bot(refined).ask("Where does Katsura grow?")
    assert answer.degraded
    assert "broken was left out: RuntimeError (test_context.py, line" in answer.reason
