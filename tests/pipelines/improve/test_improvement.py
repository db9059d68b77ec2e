"""The loop, small: a planted bad setting is found and mended, chance changes nothing, and no question tests twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.improve import Improvement, improve
from pipelines.improve.guards import Guard
from pipelines.improve.improvement import ALPHA, level
from pipelines.improve.search import Search
from rag import Document, KnowledgeBase, PipelineConfig
from rag.errors import InvalidInput
from rag.feedback import Feedback, export

from .conftest import Voter, by_coin, by_dart, by_gold, copy, planted, voted


def improved(kb: Path, **more: Any) -> Improvement:
    return improve(kb, timed=0, **more)


def stored(kb: Path) -> PipelineConfig:
    with KnowledgeBase.open(kb) as base:
        return PipelineConfig.of(base)


def spent(kb: Path) -> int:
    with Feedback.open(kb) as feedback:
        return len(feedback.spent())


@pytest.mark.slow
def test_a_planted_bad_setting_is_found_tested_and_mended(bad: Path, tmp_path: Path) -> None:
    found = improved(bad)
    assert found.applied, found.why
    assert stored(bad) == PipelineConfig()
    assert found.test is not None
    assert found.test.n == len(found.parts.test) >= 20
    assert found.test.difference > 0.2
    assert {guard.name for guard in found.guards} >= {
        "context_recall", "context_precision_weighted", "abstention_accuracy",
    }  # fmt: skip
    assert found.why.startswith("k 1 -> 5 is applied: +")
    again = improved(bad)
    assert (again.applied, len(again.parts.test)) == (False, 0)
    assert len(again.parts.tuning) == len(found.parts.tuning) + len(found.parts.test)
    assert run(["configure", str(bad), "--undo"]) == 0
    assert stored(bad) == PipelineConfig(k=1)


@pytest.mark.slow
def test_the_same_feedback_gives_the_same_report(told_by_gold: Path, tmp_path: Path) -> None:
    folders = [copy(told_by_gold, tmp_path / name) for name in ("one", "two")]
    one, two = (json.dumps(improved(each).as_dict()).replace(str(each), "KB") for each in folders)
    assert one == two


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("plant", [{}, {"k": 1}])
def test_votes_at_random_change_nothing(kb: Path, seed: int, plant: dict[str, int]) -> None:
    planted(kb, **plant)
    voted(kb, by_coin, seed=seed)
    found = improved(kb)
    assert not found.applied, found.why
    assert stored(kb) == PipelineConfig(**plant)


@pytest.mark.slow
@pytest.mark.parametrize("voter", [by_coin, by_dart])
@pytest.mark.parametrize("seed", range(7))  # a test that errs in 3 of 10 runs passes all 14 once in 150 times
def test_votes_at_random_change_nothing_in_any_run(kb: Path, voter: Voter, seed: int) -> None:
    voted(kb, voter, seed=100 + seed)
    assert not improved(kb).applied


@pytest.mark.slow
def test_a_good_setting_stays(kb: Path) -> None:
    voted(kb, by_gold)
    found = improved(kb)
    assert not found.applied
    assert found.why.startswith("Nothing that was tried is better beyond chance")
    assert stored(kb) == PipelineConfig()


@pytest.mark.slow
def test_a_dry_run_proposes_changes_nothing_and_spends_no_test_question(bad: Path) -> None:
    found = improved(bad, dry_run=True)
    assert (found.proposed, found.test, found.applied) == (PipelineConfig(), None, False)
    assert stored(bad) == PipelineConfig(k=1)
    assert spent(bad) == len(found.parts.tuning)
    assert improved(bad).applied  # the test part is as fresh as before


@pytest.mark.slow
def test_questions_that_tune_do_not_test_even_if_their_documents_change(bad: Path) -> None:
    first = improved(bad, dry_run=True)
    tuned = {question.id for question in first.parts.tuning}
    with KnowledgeBase.open(bad, mode="w") as base:  # their places move: by a digest alone they would be dealt anew
        for name in base.document_ids():
            base.add([Document.from_text(f"{'Once more. ' * 300}{base.document(name).text}", id=name)])
    later = improved(bad, dry_run=True)
    assert tuned <= {question.id for question in later.parts.tuning}
    assert not tuned & {question.id for question in later.parts.test}


@pytest.mark.slow
def test_a_question_asked_again_is_not_a_fresh_one(bad: Path) -> None:
    improved(bad)
    voted(bad, by_gold, prefix="  ")
    assert len(improved(bad).parts.test) == 0


@pytest.mark.slow
def test_a_killed_test_has_looked_at_its_questions(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Search.measured

    def killed(self: Search, config: Any, questions: Any, *vary: Any, **more: Any) -> Any:
        if questions.name.endswith("to test"):
            raise KeyboardInterrupt
        return honest(self, config, questions, *vary, **more)

    monkeypatch.setattr(Search, "measured", killed)
    with pytest.raises(KeyboardInterrupt):
        improved(bad)
    monkeypatch.undo()
    found = improved(bad)
    assert (len(found.parts.test), found.look) == (0, 2)
    assert "is not tested: there are 0 reviewed questions that no run has looked at" in found.why
    assert stored(bad) == PipelineConfig(k=1)


@pytest.mark.slow
def test_a_guard_that_falls_stops_the_change(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fallen = Guard("p50_ms", 1.0, 900.0, fell=True)
    monkeypatch.setattr("pipelines.improve.improvement.guards", lambda *_, **__: [fallen])
    found = improved(bad)
    assert not found.applied
    assert "makes worse p50_ms from 1 to 900" in found.why
    assert stored(bad) == PipelineConfig(k=1)


@pytest.mark.slow
def test_what_somebody_stores_meanwhile_stays(bad: Path) -> None:

    def tell(doing: str) -> None:
        if doing == "testing":
            planted(bad, k=2)

    found = improved(bad, tell=tell)
    assert "somebody has stored another pipeline meanwhile" in found.why
    assert (found.applied, stored(bad)) == (False, PipelineConfig(k=2))


@pytest.mark.slow
def test_a_knowledge_base_that_changes_while_it_is_tested_is_not_judged(
    bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Search.measured

    def changing(self: Search, config: Any, questions: Any, *vary: Any, **more: Any) -> Any:
        if questions.name.endswith("to test"):
            with KnowledgeBase.open(bad, mode="w") as base:
                base.add([Document.from_text(f"Something new for k={config.k}.", id=f"new-{config.k}")])
        return honest(self, config, questions, *vary, **more)

    monkeypatch.setattr(Search, "measured", changing)
    found = improved(bad)
    assert "was changed while it was measured" in found.why
    assert (found.applied, found.test) == (False, None)


def test_too_few_questions_test_nothing(kb: Path) -> None:
    planted(kb, k=1)
    voted(kb, by_gold, questions=9)
    found = improved(kb)
    assert found.why.startswith("Nothing was tried: there are")
    assert spent(kb) == 0
    with pytest.raises(InvalidInput, match="cannot show anything"):
        improved(kb, least=1)
    with pytest.raises(InvalidInput, match="nDCQ"):
        improved(kb, metric="nDCQ@10")
    with pytest.raises(InvalidInput, match="less of ter is better"):
        improved(kb, metric="ter")


def test_levels_never_sum_to_more_than_5_percent() -> None:
    assert [round(level(look), 4) for look in (1, 2, 3)] == [0.025, 0.0083, 0.0042]
    assert sum(map(level, range(1, 10_000))) < ALPHA


@pytest.mark.slow
def test_other_values_are_tried_on_request(bad: Path) -> None:
    found = improved(bad, tries={"k": (3,)}, dry_run=True)
    assert found.found is not None
    assert {each.config.k for each in found.found.tried} == {1, 3, 5}


# ---- the command --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_writes_a_report_without_a_text_of_anybody(
    bad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    out = tmp_path / "report.md"
    assert run(["improve", str(bad), "--out", str(out), "--try", "k=3", "--dry-run"]) == 0
    assert "k 1 -> 5 is better on the questions that tune" in capsys.readouterr().out
    assert run(["improve", str(bad), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["applied"], told["proposed"]["changes"]) == (True, {"k": [1, 5]})
    text = out.read_text()
    assert "| k 1 -> 5 |" in text
    assert "rag configure" in text
    with Feedback.open(bad) as feedback:
        kept = "".join(feedback.runs())
    for secret in ("otter", "valley", "Where does"):
        assert secret not in text + json.dumps(told).replace(str(bad), "") + kept.replace(str(bad), "")


@pytest.mark.parametrize(
    "wrong", [["--try", "k"], ["--try", "generator=extractive"], ["--try", "where=x"], ["--by", "q"]]
)
def test_the_command_refuses_what_it_cannot_try(kb: Path, tmp_path: Path, wrong: list[str]) -> None:
    assert run(["improve", str(kb), "--out", str(tmp_path / "r.md"), *wrong]) == 64


def test_what_was_exported_is_what_improves(kb: Path) -> None:
    voted(kb, by_gold, questions=12)
    with KnowledgeBase.open(kb) as base, Feedback.open(base) as feedback:
        assert len(export(feedback, base).questions) == 12
