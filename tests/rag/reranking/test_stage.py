"""The stage: order, numbers, limits, and that no reranker can cost the user the plain result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from timing import tried, within

from rag.components import chain
from rag.deadlines import Deadline
from rag.documents.document import Passage
from rag.errors import InvalidInput
from rag.reranking import RERANKERS, Reranker, Reranking
from rag.stages import Tools
from rag.testing import ScriptedGenerator

NEVER = Deadline.after(None)


class By:
    """Scores by a function of the passage."""

    def __init__(self, worth: Callable[[Passage], float], name: str = "by") -> None:
        self.name, self.worth, self.seen = name, worth, []

    def score(self, question: str, passages: Sequence[Passage], *, deadline: float | None = None) -> np.ndarray:
        self.seen.append([p.document for p in passages])
        return np.array([self.worth(p) for p in passages])


def test_the_order_is_the_scores_and_all_is_told(passages: list[Passage]) -> None:
    by = By(lambda p: len(p.text))
    assert isinstance(by, Reranker)
    result = Reranking([by], top_k_in=5).run("q", passages, 3, NEVER)
    ordered = sorted(passages, key=lambda p: -len(p.text))
    expected = ordered[:3]
    assert [p.document for p in result.passages] == [p.document for p in expected]
    assert [p.rank for p in result.passages] == [1, 2, 3]
    for p, was in zip(result.passages, expected, strict=True):
        assert p.score == p.scores["by"] == len(p.text)
        assert p.scores["fused"] == was.score
        assert {k: v for k, v in p.scores.items() if k in was.scores} == dict(was.scores)
    assert [(m.chunk, m.before, m.after) for m in result.moves] == [
        (p.chunk, p.rank, n + 1) for n, p in enumerate(ordered)
    ]
    assert result.notes == ()
    assert [name for name, _ in result.seconds] == ["by"]


def test_equal_scores_keep_the_order_and_one_reranker_feeds_the_next(passages: list[Passage]) -> None:
    first, second = By(lambda p: 1.0, "same"), By(lambda p: p.document == "herons", "herons")
    result = Reranking([first, second]).run("q", passages, 5, NEVER)
    assert second.seen == [[p.document for p in passages]]
    rest = [p.document for p in passages if p.document != "herons"]
    assert [p.document for p in result.passages] == ["herons", *rest]


def test_only_so_many_are_reranked_and_the_others_follow(passages: list[Passage]) -> None:
    by = By(lambda p: -p.score)
    result = Reranking([by], top_k_in=2).run("q", passages, 5, NEVER)
    assert by.seen == [[p.document for p in passages[:2]]]
    order = [passages[1], passages[0], *passages[2:]]
    assert [p.document for p in result.passages] == [p.document for p in order]
    scores = [p.score for p in result.passages]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 5


def stalls(_: Passage) -> float:
    time.sleep(60)
    return 0.0


def raises(_: Passage) -> float:
    raise RuntimeError("no memory")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (By(raises), "RuntimeError (test_stage.py, line"),
        (By(lambda p: float("nan")), "not finite"),
        (type("Short", (By,), {"score": lambda *_, **__: np.zeros(2)})(None), "shape (2,) for 5 passages"),
        (By(stalls), "not done after 0."),
    ],
)
@tried
def test_it_fails_open_and_says_so(passages: list[Passage], bad: By, said: str) -> None:
    result = within(1.3, lambda: Reranking([bad]).run("q", passages, 4, Deadline.after(0.3)))
    assert result.passages == passages[:4]
    assert said in result.notes[0]
    assert result.notes[0].startswith("by was left out")


@pytest.mark.slow
def test_a_stalled_reranker_leaves_the_others_what_is_left_of_the_time(passages: list[Passage]) -> None:
    good = By(lambda p: -p.score, "good")
    result = Reranking([good, By(stalls)]).run("q", passages, 5, Deadline.after(3))
    assert [p.document for p in result.passages] == [p.document for p in passages][::-1]
    late = Reranking([By(stalls), good]).run("q", passages, 5, Deadline.after(0.3))
    assert late.passages == passages
    assert "no time was left" in late.notes[1]


def test_one_passage_or_none_is_not_reranked(passages: list[Passage]) -> None:
    bad = By(raises)
    assert Reranking([bad]).run("q", passages[:1], 5, NEVER).passages == passages[:1]
    assert Reranking([bad]).run("q", [], 5, NEVER).passages == []


def test_names_and_options(kb: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "no-key")
    tools = Tools(kb)
    assert chain("reranker", RERANKERS, "none", tools) == []
    made = chain("reranker", RERANKERS, "mmr:diversity=0.7+sources:weights=zoo/:1|wild/:-1", tools)
    assert [each.name for each in made] == ["mmr", "sources"]
    assert made[0].diversity == 0.7
    assert made[1].weights == {"zoo/": 1.0, "wild/": -1.0}
    model = ScriptedGenerator(["[1]"])
    assert chain("reranker", RERANKERS, "listwise:window=4,step=2", Tools(kb, model))[0].window == 4
    named = chain("reranker", RERANKERS, "listwise:llm=openai:some-model", tools)[0]
    assert named._model.name == "openai:some-model"
    for wrong, said in {
        "mmr:llm=openai:x": "unknown option 'llm'",
        "mrm": "did you mean 'mmr'",
        "mmr:diversty=1": "did you mean 'diversity'",
        "mmr:diversity=much": "is a number",
        "mmr:diversity=2": "give 0 to 1",
        "listwise": "needs a language model",
        "cross-encoder": "needs model",
        "late-interaction": "gives no token states",
        "mmr+none": "cannot be combined",
        "sources:weights=x": "SOURCE:NUMBER",
        "recency:half_life=0": "days above 0",
    }.items():
        with pytest.raises(InvalidInput, match=said):
            chain("reranker", RERANKERS, wrong, tools)
