"""``rag calibrate``: fits a threshold, shows the curve, stores it, and ``ask`` obeys."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE, NOTHING_FOUND, OK, SOME_FILES_FAILED
from pipelines.evaluation.calibration import is_right
from rag import Answer, Citation, KnowledgeBase, Retriever, Sentence
from rag.evaluation import QuestionSet, evaluate, read_questions
from rag.evaluation.questions.questions import GoldSpan, Question
from rag.generation.calibration import FEWEST, fit, isotonic, risk_coverage


@pytest.fixture
def kb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    rows = []
    for i in range(40):
        name = f"planet{chr(97 + i % 26)}{chr(97 + i // 26)}"
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n\nThe mass of {name} is {100 + i} tons.\n")
        rows.append({"id": f"a{i}", "text": f"What is the mass of {name}?", "answers": [str(100 + i)]})
        rows.append({"id": f"u{i}", "text": f"Who sang the opera number {i} in Vienna?", "unanswerable": True})
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    assert run(["ingest", "docs", "--into", "kb", "--embedder", "hashing-64"]) == OK
    capsys.readouterr()
    return tmp_path / "kb"


def test_it_fits_stores_and_ask_obeys(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["ask", "kb", "What is the mass of planetaa?", "--json"]
    assert run(ask) == OK
    before = json.loads(capsys.readouterr().out)
    assert run(["calibrate", "kb", "questions.jsonl", "--json"]) == OK
    report = json.loads(capsys.readouterr().out)
    assert "occurs twice" in report["problems"][0]
    assert (report["questions"], report["unanswerable"], report["unjudged"]) == (80, 40, 0)
    assert report["auroc"] > 0.9
    last = report["curve"][-1]
    assert last["risk"] > report["curve"][0]["risk"]
    assert run(ask) == OK
    after = json.loads(capsys.readouterr().out)
    assert after["answer"] == before["answer"]
    assert after["support"] != before["support"]
    assert run(["ask", "kb", "Who sang the opera number 7 in Vienna?", "--json"]) == NOTHING_FOUND
    capsys.readouterr()
    assert run([*ask, "--threshold", "1"]) == NOTHING_FOUND
    assert run(["verify", "kb"]) == OK
    assert run(["calibrate", "kb", "questions.jsonl", "--reset"]) == OK
    capsys.readouterr()
    assert run(ask) == OK
    assert json.loads(capsys.readouterr().out)["support"] == before["support"]


def test_too_few_questions_are_refused_in_words(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["calibrate", "kb", "questions.jsonl", "--sample", "5"]) == BAD_USAGE
    assert f"needs {FEWEST} answers" in capsys.readouterr().err


def test_isotonic_is_monotone_and_equals_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(0)
    odds = rng.normal(size=300)
    right = rng.random(300) < 1 / (1 + np.exp(-2 * odds))
    steps, values = isotonic(odds, right)
    assert (np.diff(steps) > 0).all()
    assert (np.diff(values) >= 0).all()
    theirs = sklearn.IsotonicRegression(out_of_bounds="clip").fit(odds, right.astype(float))
    assert np.abs(np.interp(odds, steps, values) - theirs.predict(odds)).mean() < 0.06


def test_risk_coverage_by_hand_and_thresholds() -> None:
    judged, right = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False])
    assert [tuple(p) for p in risk_coverage(judged, right, total=8)] == [
        (0.125, 0.0, 0.9),
        (0.375, pytest.approx(1 / 3), 0.8),
        (0.5, 0.5, 0.1),
    ]


def test_probabilities_are_calibrated_out_of_fold_and_risk_is_kept() -> None:
    rng = np.random.default_rng(1)
    shown = rng.normal(size=(2000, 5))
    p = 1 / (1 + np.exp(-(shown[:, 0] * 2 - 0.5)))
    right = rng.random(2000) < p
    given = np.ones(2000, dtype=bool)
    fitted = fit(shown, right, given, risk=0.1)
    assert abs(fitted.judged.mean() - right.mean()) < 0.02
    kept = fitted.judged >= fitted.calibration.threshold
    assert 0.05 < (~right)[kept].mean() <= 0.1
    strict, loose = fit(shown, right, given, wrong_cost=5.0), fit(shown, right, given, wrong_cost=0.2)
    assert strict.calibration.threshold > loose.calibration.threshold


@pytest.mark.parametrize(
    ("generator", "references", "spans", "right"),
    [
        ("extractive", ("hold hands while they sleep, and more that no quote holds",), "near", True),
        ("extractive", ("hold hands",), "far", False),
        ("extractive", ("hold hands",), "", True),
        ("openai:tiny", ("hold hands",), "far", True),
        ("openai:tiny", ("sing",), "near", False),
        ("openai:tiny", ("a reference of so many words that no model would ever repeat it",), "near", True),
    ],
)
def test_an_answer_is_judged_by_the_gold_that_fits_it(
    generator: str, references: tuple[str, ...], spans: str, right: bool
) -> None:
    gold = {"near": (GoldSpan("otters", 10, 30),), "far": (GoldSpan("otters", 90, 99),), "": ()}[spans]
    answer = Answer(
        "What do otters do?",
        "Otters hold hands. [1]",
        (Citation(1, "otters", "otters", 0, 18, "Otters hold hands.", 1),),
        sentences=(Sentence("Otters hold hands.", 1.0, "supported", (1,)),),
        generator=generator,
    )
    assert is_right(answer, Question("1", "What do otters do?", answers=references, spans=gold)) is right


# ---- made questions -----------------------------------------------------------------------------------------------


def calibrated(capsys: pytest.CaptureFixture[str], questions: str, *options: str, code: int = OK) -> dict[str, object]:
    assert run(["calibrate", "kb", questions, "--json", *options]) == code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_says_whom_the_threshold_silences(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = calibrated(capsys, "questions.jsonl")
    assert (report["unanswerable_answered_after"], report["answered_after"]) < (0.2, 0.8)
    strict = calibrated(capsys, "questions.jsonl", "--dry-run", "--wrong-cost", "1000")
    assert strict["answered_after"] <= report["answered_after"]
    if strict["answered_after"] < strict["answered_before"]:
        assert any("lets the share of answerable questions that are answered fall" in w for w in strict["warnings"])
    assert run(["calibrate", "kb", "questions.jsonl", "--dry-run"]) == OK
    assert "Without a calibration" in capsys.readouterr().out


def test_questions_that_are_all_answerable_are_said(
    kb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row in rows_of(tmp_path / "questions.jsonl") if "answers" in row]
    for at, row in enumerate(rows[:12]):
        row["answers"] = [f"wrong {at}"]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["calibrate", "kb", "some.jsonl", "--json", "--dry-run"]) == OK
    said = json.loads(capsys.readouterr().out)["warnings"]
    assert any("no question is unanswerable" in warning for warning in said)


def test_questions_that_copy_their_answers_are_said(
    kb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(tmp_path / "questions.jsonl")
    for row in rows:
        if "answers" in row:
            name = str(row["text"]).split()[-1].rstrip("?")
            text = (tmp_path / "docs" / f"{name}.md").read_text()
            at = text.index("The mass")
            row["spans"] = [{"document": f"docs/{name}.md", "start": at, "end": len(text) - 1}]
    (tmp_path / "copied.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = calibrated(capsys, "copied.jsonl", "--dry-run")
    assert report["copied"] > 0.5
    assert any("in a row from their answers" in warning for warning in report["warnings"])


def test_a_calibration_at_chance_is_not_stored(kb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(5)
    rows = [row for row in rows_of(tmp_path / "questions.jsonl") if "answers" in row]
    for row in rows:  # whether the answer is right has nothing to do with the question
        if rng.random() < 0.5:
            row["answers"] = ["no such thing"]
    (tmp_path / "chance.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    harmless = calibrated(capsys, "chance.jsonl")
    assert (harmless["stored"], harmless["answered_before"], harmless["answered_after"]) == (True, 1.0, 1.0)
    assert run(["calibrate", "kb", "chance.jsonl", "--reset"]) == OK
    capsys.readouterr()
    report = calibrated(capsys, "chance.jsonl", "--wrong-cost", "30", code=SOME_FILES_FAILED)
    assert report["answered_after"] < 1.0
    assert report["stored"] is False
    assert "does not tell right answers from wrong ones" in report["warnings"][0]
    ask = ["ask", "kb", "What is the mass of planetaa?", "--json"]
    assert run(ask) == OK
    assert "100" in json.loads(capsys.readouterr().out)["answer"]


def test_a_question_without_its_document_is_asked_without_it(
    kb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(tmp_path / "questions.jsonl")[:-1]
    lost = []
    for row in rows:
        if "answers" in row:
            name = str(row["text"]).split()[-1].rstrip("?")
            lost.append(
                {"id": f"w{row['id']}", "text": row["text"], "unanswerable": True, "without": [f"docs/{name}.md"]}
            )
    (tmp_path / "lost.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *lost]))
    found = calibrated(capsys, "lost.jsonl", "--dry-run")
    assert found["unanswerable"] == 80
    asked = read_questions(tmp_path / "lost.jsonl")
    with KnowledgeBase.open("kb") as base, Retriever(base, where='type == "md"') as retriever:
        result = evaluate(retriever, asked, metrics=["RR"], k=40)
    for question in asked:
        seen = {passage.document for passage in result.outcomes[question.id].passages}
        assert not seen & set(question.without)
        assert seen


def test_a_system_that_cannot_leave_out_documents_fails_such_questions() -> None:
    class Mine:
        def retrieve(self, question: str, k: int) -> list[object]:
            return []

    asked = QuestionSet(
        (
            Question("1", "Who sings?", documents={"a": 1}),
            Question("2", "Who hums?", unanswerable=True, without=("a",)),
        )
    )
    result = evaluate(Mine(), asked, metrics=["RR"])
    assert set(result.failures) == {"2"}
    assert "cannot leave out documents" in result.failures["2"]
