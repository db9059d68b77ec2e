"""The retriever on a small real knowledge base, against brute force over all of its chunks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.documents.document import Document, Passage
from rag.embedding import HashingEmbedder
from rag.errors import InvalidFilter, InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.retrieval import retriever as full
from rag.retrieval.candidates import SAMPLE
from rag.retrieval.fusion import DENSE_WEIGHT, View
from rag.terms import topic_terms

WORDS = [f"{a}{b}{c}" for a in ("ba", "ko", "mi", "ru") for b in ("la", "ne", "to") for c in ("s", "k", "m", "nd", "x")]
QUESTIONS = [
    "Otters hold hands while they sleep?",
    "What is balas konex and mitok?",
    "rulas",
    "Tell me of konend or of mitonds in the river",
]


def Retriever(kb: KnowledgeBase, **options: object) -> full.Retriever:
    """A retriever that searches for the question as it is."""
    return full.Retriever(kb, **{"rewrite": "none", **options})  # type: ignore[arg-type]


def texts(n: int, seed: int) -> list[str]:
    """Make texts whose words follow Zipf's law."""
    rng = random.Random(seed)
    weights = [1 / (i + 1) for i in range(len(WORDS))]
    return [" ".join(rng.choices(WORDS, weights, k=rng.randint(8, 40))) for _ in range(n)]


def documents() -> Iterator[Document]:
    for i, text in enumerate(texts(220, 1)):
        yield Document(
            f"d{i}", text, source=f"s{i % 20}", type="md" if i % 3 else "pdf", metadata={"year": 2000 + i % 10}
        )
    yield Document("otters", "Otters hold hands while they sleep in the river.", source="otters.txt")


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("retriever") / "kb"
    rows = sorted(documents(), key=lambda d: d.source)
    with KnowledgeBase.create(folder, embedder=HashingEmbedder(32), chunker="document") as made:
        made.add(rows)
        yield made


def all_scores(kb: KnowledgeBase, question: str, share: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return chunk ids, and every chunk's dense and term score, the dense ones from the stored vectors.

    ``share``: of the default weight, how much the dense search has; without any, BM25's constants are its own.
    """
    ids = kb.chunk_ids()
    dense = kb.vectors(ids) @ kb.embedder.embed_queries([question])[0]
    constants = {"k1": 1.2 - 0.3 * share, "b": 0.75 - 0.35 * share}
    hits = kb.index("terms").search([topic_terms(question, kb.analyser)], len(ids), params=constants)
    terms = np.zeros(len(ids))
    terms[np.searchsorted(ids, hits.row(0)[0])] = hits.row(0)[1]
    return ids, dense.astype(np.float64), terms


def zscored(kb: KnowledgeBase, question: str, weight: float) -> dict[int, float]:
    """Fuse by the definition; the knowledge base is smaller than the sample, so the sample is all of it."""
    ids, dense, terms = all_scores(kb, question, min(1.0, weight / DENSE_WEIGHT))
    assert len(ids) < SAMPLE
    fused = np.zeros(len(ids))
    for share, scores in ((weight, dense), (1 - weight, terms)):
        if scores.std() > 0:
            fused += share * (scores - scores.mean()) / scores.std()
    return dict(zip(ids.tolist(), fused.tolist(), strict=True))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("weight", "depth"), [(0.8, 100), (0.7, 100), (0.6, 100), (0.6, 12), (0.2, 30), (0.0, 30)])
def test_zscore_is_the_definition_whatever_the_depth(
    kb: KnowledgeBase, question: str, weight: float, depth: int
) -> None:
    expected = zscored(kb, question, weight)
    found = Retriever(kb, k=10, dense_weight=weight, depth=depth, dedupe=False).retrieve(question)
    for passage in found:
        assert passage.score == pytest.approx(expected[passage.chunk], abs=2e-4)
    if depth == 100:  # with short lists a passage that is middling in both can be missed, never misjudged
        best = sorted(expected.values(), reverse=True)[:10]
        assert [passage.score for passage in found] == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize("where", ['type == "pdf"', 'source == "otters.txt"', 'type == "none"'])
def test_without_statistics_scores_are_compared_with_what_the_filter_lets_through(
    kb: KnowledgeBase, where: str
) -> None:
    question, weight = QUESTIONS[0], 0.6
    ids, dense, terms = all_scores(kb, question)
    allowed = kb.allowed(where)
    assert allowed is not None
    seen = np.isin(ids, allowed.ids)
    expected = np.zeros(int(seen.sum()))
    for share, scores in ((weight, dense[seen]), (1 - weight, terms[seen])):
        if len(scores) and scores.std() > 0:
            expected += share * (scores - scores.mean()) / scores.std()
    retriever = Retriever(kb, k=10, dense_weight=weight, dedupe=False, statistics=False)
    found = [retriever.search(question, where=where).passages for _ in range(2)]
    best = sorted(expected.tolist(), reverse=True)[:10]
    for passages in found:
        assert [passage.score for passage in passages] == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize("question", QUESTIONS)
def test_reciprocal_rank_is_the_definition(kb: KnowledgeBase, question: str) -> None:
    ids, dense, terms = all_scores(kb, question)
    expected: Counter[int] = Counter()
    for scores in (dense.astype(np.float32), terms):
        order = [i for i in np.lexsort((ids, -scores)) if scores is not terms or scores[i] > 0]
        for rank, i in enumerate(order[:50], 1):
            expected[int(ids[i])] += 1 / (60 + rank)
    found = Retriever(kb, k=20, fusion="rrf", depth=50, dedupe=False).retrieve(question)
    ranked = sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    assert [(p.chunk, p.score) for p in found] == [(i, pytest.approx(score)) for i, score in ranked]


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_search_alone_is_that_search(kb: KnowledgeBase, question: str) -> None:
    dense = Retriever(kb, k=8, fusion="dense", dedupe=False).retrieve(question)
    hits = kb.index("dense").search(kb.embedder.embed_queries([question]), 8)
    assert [p.chunk for p in dense] == hits.ids[0].tolist()
    assert [p.score for p in dense] == pytest.approx(hits.scores[0].tolist(), abs=1e-6)
    assert all(p.scores == {"dense": p.score} for p in dense)
    terms = Retriever(kb, k=8, fusion="terms", dedupe=False).retrieve(question)
    ids, scores = kb.index("terms").search([kb.analyser.terms(question)], 8).row(0)
    assert [(p.chunk, p.score) for p in terms] == list(zip(ids.tolist(), scores.tolist(), strict=True))


def test_passages_are_verbatim_and_ranked(kb: KnowledgeBase) -> None:
    found = Retriever(kb).retrieve(QUESTIONS[0])
    assert found[0].document == "otters"
    assert found[0].source == "otters.txt"
    assert [p.rank for p in found] == [1, 2, 3, 4, 5]
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    for p in found:
        assert kb.document(p.document).text[p.start : p.end] == p.text
        assert set(p.scores) == {"dense", "terms"}


@pytest.mark.parametrize("options", [{}, {"fusion": "rrf"}, {"fusion": "dense"}, {"fusion": "terms"}])
def test_a_filter_allows_exactly_what_it_says(kb: KnowledgeBase, options: dict[str, object]) -> None:
    """Among a few allowed passages the filter must find all that match, not what is left of the best 100."""
    where = 'type == "pdf" and year == 2003'
    right = {d.id for d in documents() if d.type == "pdf" and d.metadata.get("year") == 2003}
    retriever = Retriever(kb, k=50, depth=5, dedupe=False, **options)
    for question in QUESTIONS[1:]:
        found = {p.document for p in retriever.retrieve(question, where=where)}
        if options.get("fusion") == "terms":
            terms = set(kb.analyser.terms(question))
            assert found == {d.id for d in documents() if d.id in right and terms & set(kb.analyser.terms(d.text))}
        else:
            assert found == right


def test_a_filter_does_not_change_scores(kb: KnowledgeBase) -> None:
    question = QUESTIONS[1]
    free = {p.chunk: p.score for p in Retriever(kb, k=300).retrieve(question)}
    filtered = Retriever(kb, k=300).retrieve(question, where='type == "pdf"')
    assert len(filtered) == 74
    assert [free[p.chunk] for p in filtered] == pytest.approx([p.score for p in filtered], abs=3e-5)


def test_both_filters_hold(kb: KnowledgeBase) -> None:
    retriever = Retriever(kb, k=50, where='type == "pdf"')
    found = {p.document for p in retriever.retrieve(QUESTIONS[1], where="year >= 2008")}
    assert found == {d.id for d in documents() if d.type == "pdf" and d.metadata.get("year", 0) >= 2008}
    assert retriever.retrieve(QUESTIONS[1], where='type == "docx"') == []
    with pytest.raises(InvalidFilter):
        retriever.retrieve(QUESTIONS[1], where="year >=")


@pytest.mark.parametrize("options", [{}, {"fusion": "rrf"}, {"fusion": "dense"}, {"fusion": "terms"}])
def test_batched_is_single(kb: KnowledgeBase, options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.retrieval.hybrid._BATCH", 16)
    questions = [*QUESTIONS, *texts(46, 2)]
    retriever = Retriever(kb, k=7, **options)
    for question, found in zip(questions, retriever.search_many(questions), strict=True):
        single = retriever.retrieve(question)
        assert [p.chunk for p in found.passages] == [p.chunk for p in single]
        assert [p.score for p in found.passages] == pytest.approx([p.score for p in single], abs=3e-5)
    assert retriever.search_many([]) == []


def test_every_run_gives_the_same(kb: KnowledgeBase) -> None:
    first = [Retriever(kb, k=10).retrieve(q) for q in QUESTIONS]
    assert [Retriever(kb, k=10).retrieve(q) for q in QUESTIONS] == first


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[KnowledgeBase]:
    """Forty copies of one text in one source, before three others on the same matter."""
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32), chunker="document") as kb:
        same = "Otters hold hands while they sleep."
        kb.add(Document(f"copy{i}", same if i % 2 else same.upper(), source="mirror") for i in range(40))
        kb.add(Document.from_text(f"Otters {word} hands.", id=word) for word in ("hold", "shake", "clap"))
        yield kb


def test_equal_scores_are_in_the_order_of_ids(copies: KnowledgeBase) -> None:
    found = Retriever(copies, k=30, dedupe=False).retrieve("Otters hold hands while they sleep")
    assert [p.chunk for p in found] == sorted(copies.chunk_ids().tolist())[:30]
    assert len({p.score for p in found}) == 1


@pytest.mark.parametrize("depth", [2, 100])
def test_copies_give_way_and_the_search_goes_deeper(copies: KnowledgeBase, depth: int) -> None:
    question = "Otters hold hands while they sleep"
    found = [p.document for p in Retriever(copies, k=4, depth=depth).retrieve(question)]
    assert found[0] == "copy0"
    assert sorted(found) == ["clap", "copy0", "hold", "shake"]
    plain = Retriever(copies, k=4, depth=depth, dedupe=False).retrieve(question)
    assert {p.source for p in plain} == {"mirror"}
    limited = Retriever(copies, k=4, depth=depth, dedupe=False, max_per_source=2).retrieve(question)
    assert [p.source for p in limited[:2]] == ["mirror", "mirror"]
    assert len({p.source for p in limited[2:]} & {"hold", "shake", "clap"}) == 2


def test_odd_questions_are_answered_by_whichever_search_has_hits(kb: KnowledgeBase) -> None:
    retriever = Retriever(kb, k=3)
    odd = ["what is the of", "\U0001f980", "qqqq zzzz", "\ud800 balas", "balas \0konex", "balas " * 20_000, "?"]
    for question in odd:
        assert len(retriever.retrieve(question)) == 3, question[:20]
    terms = Retriever(kb, k=3, fusion="terms")
    assert [len(terms.retrieve(question)) for question in odd] == [0, 0, 0, 3, 3, 3, 0]


@pytest.mark.parametrize("question", ["", "  \n", 7, None])
def test_no_question_is_refused(kb: KnowledgeBase, question: object) -> None:
    with pytest.raises(InvalidInput, match=r"question is (empty|a string)|a question is a string"):
        Retriever(kb).retrieve(question)  # type: ignore[arg-type]


def test_an_empty_knowledge_base_finds_nothing(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32)) as kb:
        for options in ({}, {"fusion": "rrf"}, {"fusion": "terms"}, {"fusion": "dense"}):
            assert Retriever(kb, **options).retrieve("anything") == []
        kb.add([Document.from_text("anything goes", id="one")])
        assert [p.document for p in Retriever(kb).retrieve("anything")] == ["one"]


def test_what_is_added_or_removed_counts_at_once(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32), chunker="document") as kb:
        kb.add(Document.from_text(text, id=f"d{i}") for i, text in enumerate(texts(20, 3)))
        retriever = Retriever(kb, k=1)
        assert retriever.retrieve("otters hold hands")[0].document != "otters"
        kb.add([Document.from_text("otters hold hands", id="otters")])
        assert retriever.retrieve("otters hold hands")[0].document == "otters"
        kb.remove("otters")
        assert "otters" not in {p.document for p in retriever.retrieve("otters hold hands", 50)}


def test_a_knowledge_base_with_one_index_uses_that(tmp_path: Path) -> None:
    with KnowledgeBase.create(
        tmp_path / "kb", embedder=HashingEmbedder(32), indexes=["bm25"], chunker="document"
    ) as kb:
        kb.add([Document.from_text("otters hold hands", id="otters")])
        assert [set(p.scores) for p in Retriever(kb).retrieve("otters")] == [{"terms"}]
        with pytest.raises(InvalidInput, match="no search is left: asked for dense, and the knowledge base has bm25"):
            Retriever(kb, fusion="dense")


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"k": 2.5},
        {"depth": 0},
        {"max_per_source": 0},
        {"dense_weight": -0.1},
        {"fusion": "sum"},
    ],
)
def test_impossible_options_are_refused(kb: KnowledgeBase, options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options)).replace("_", ".")):
        Retriever(kb, **options)


@pytest.mark.parametrize(
    ("spec", "used"), [("bm25", {"k1": 0.9, "b": 0.4}), ("bm25:k1=2,b=0.1", {"k1": 2.0, "b": 0.1})]
)
def test_an_index_keeps_the_parameters_it_was_given(tmp_path: Path, spec: str, used: dict[str, float]) -> None:
    folder = tmp_path / "kb"
    with KnowledgeBase.create(folder, embedder=HashingEmbedder(32), indexes=["flat", spec], chunker="document") as kb:
        kb.add(Document.from_text(text, id=f"d{i}") for i, text in enumerate(texts(30, 4)))
        query = [kb.analyser.terms("balas")]
        hits = kb.index("terms").search(query, 30, params=used)
        assert len(hits.row(0)[0]) > 10
        expected = dict(zip(*(part.tolist() for part in hits.row(0)), strict=True))
        for passage in Retriever(kb, k=30, dedupe=False).retrieve("balas"):
            assert passage.scores["terms"] == pytest.approx(expected.get(passage.chunk, 0.0))
        plain = Retriever(kb, k=30, fusion="terms", dedupe=False).retrieve("balas")
        assert [p.score for p in plain] == kb.index("terms").search(query, 30).row(0)[1].tolist()


def test_a_fusion_of_ones_own(kb: KnowledgeBase) -> None:
    class Worst:
        complete = False

        def fuse(self, views: list[View]) -> np.ndarray:
            ranks = np.stack([np.where(view.ranks > 0, view.ranks, 1000) for view in views])
            return -ranks.max(axis=0).astype(np.float64)

    found = Retriever(kb, fusion=Worst(), k=3, dedupe=False).retrieve(QUESTIONS[0])
    assert found[0].document == "otters"
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


def test_timings_tell_every_stage(kb: KnowledgeBase) -> None:
    found = Retriever(kb).search(QUESTIONS[0])
    assert found.question == QUESTIONS[0]
    assert set(found.timings) == {"embed", "search", "fuse", "fetch"}
    assert all(isinstance(p, Passage) for p in found.passages)
