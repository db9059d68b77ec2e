"""``rag questions``: sets of questions made on a real knowledge base."""

from __future__ import annotations

import json

import pytest
from chat_server import ChatServer

from pipelines.cli import run as cli
from rag import Document, KnowledgeBase
from rag.evaluation.questions.taking_out import copied

_TEXT = "To feed otter {0} in the zoo, bring it {0} trout. To wash badger {0} well, use {0} buckets of rain water."


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32") as base:
        base.add([Document.from_text(_TEXT.format(n), id=str(n)) for n in range(20, 40)])
    return str(tmp_path / "kb")


def test_questions_that_were_corrected_are_not_lost(kb, tmp_path, capsys):
    out = tmp_path / "questions.jsonl"
    make = ["questions", "make", kb, "-n", "5", "--out", str(out)]
    assert cli(make) == 0
    assert cli(make) == 0  # the same again: nothing to keep
    assert sorted(path.name for path in tmp_path.glob("questions*")) == ["questions.jsonl"]
    capsys.readouterr()
    for n in (1, 2):
        out.write_text(corrected := out.read_text().replace("otter", "seal").replace("badger", f"brock {n}"))
        assert cli([*make, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kept"] == str(tmp_path / f"questions.jsonl.{n}")
        assert (tmp_path / f"questions.jsonl.{n}").read_text() == corrected
        assert "seal" not in out.read_text()


DISTINCT = {
    "kiln": "To glaze pottery quickly, heat the kiln to nine hundred degrees for two hours.",
    "loom": "To weave linen blankets, thread the loom with forty warps of flax.",
    "forge": "To harden steel blades, quench the metal in oil at eight hundred degrees.",
    "press": "To print woodcut posters, ink the block with a roller of soft rubber.",
    "still": "To distil lavender oil, steam the blossoms for an hour in copper.",
    "churn": "To churn salted butter, keep the cream at fourteen degrees for half an hour.",
}


@pytest.fixture
def crafts(tmp_path):
    with KnowledgeBase.create(tmp_path / "crafts", embedder="hashing-32") as base:
        base.add([Document.from_text(text, id=name) for name, text in DISTINCT.items()])
    return str(tmp_path / "crafts")


def test_some_made_questions_have_no_answer_without_their_document(crafts, tmp_path, capsys):
    out, page = tmp_path / "q.jsonl", tmp_path / "q.html"
    command = ["questions", "make", crafts, "-n", "6", "--unanswerable", "2", "--out", str(out), "--json"]
    assert cli([*command, "--html", str(page)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["questions"], report["unanswerable"]) == (6, 2)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    lost = [row for row in rows if row.get("unanswerable")]
    assert len(lost) == 2
    for row in lost:
        assert "spans" not in row
        assert "answers" not in row
        (name,) = row["without"]
        assert row["text"].split()[3].rstrip("?") in DISTINCT[name]
    assert not {row["without"][0] for row in lost} & {row["spans"][0]["document"] for row in rows if "spans" in row}
    assert "(none)" in page.read_text()
    assert cli(command) == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == rows, "same seed, same questions"
    assert cli(["questions", "check", crafts, str(out)]) == 0


def test_a_question_that_another_document_answers_is_not_called_unanswerable(kb, tmp_path, capsys):
    """All of these documents say nearly the same."""
    out = tmp_path / "q.jsonl"
    assert cli(["questions", "make", kb, "-n", "20", "--unanswerable", "10", "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["unanswerable"] == 0
    assert report["rejected"]["of documents taken out: others may answer"] == 10


def test_questions_that_copy_their_sentence_are_marked(crafts, tmp_path, capsys):
    out = tmp_path / "q.jsonl"
    assert cli(["questions", "make", crafts, "-n", "6", "--unanswerable", "0", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert all(row["metadata"]["easy"] is (row["metadata"]["copied"] >= 0.5) for row in rows)
    easy = sum(row["metadata"]["easy"] for row in rows)
    said = capsys.readouterr().out
    assert (f"{easy} repeat half of their words" in said) is bool(easy)
    assert cli(["questions", "make", crafts, "-n", "2", "--unanswerable", "2", "--out", str(out)]) == 64


@pytest.mark.parametrize(
    ("question", "answer", "share"),
    [
        ("How do I glaze pottery quickly?", "To glaze pottery quickly, heat the kiln.", 3 / 6),
        ("What is a kiln?", "A furnace for clay.", 1 / 4),
        ("Who sings?", "Who sings?", 0.0),
        ("Why do larks climb?", "", 0.0),
    ],
)
def test_how_much_a_question_copies(question, answer, share):
    assert copied(question, answer) == pytest.approx(share)


def verdict(prompt: str) -> str:
    if "##final score" in prompt:
        asked = prompt.split("Query: ")[1].split("Passage: ")
        return f"##final score: {3 if asked[0].split()[3] in asked[1] else 0}"
    return '{"labels": ["vital"]}' if "Label each fact" in prompt else '{"facts": ["it takes two hours"]}'


def test_a_model_judges_and_draws_nuggets(crafts, tmp_path, capsys, monkeypatch):
    rows = [{"id": name, "text": f"How is the {name} used?", "documents": [name]} for name in ("kiln", "loom")]
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with ChatServer(verdict) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        common = [crafts, str(tmp_path / "asked.jsonl"), "--judge", "openai:tiny", "-k", "3"]
        out = ["--out", str(tmp_path / "judged.jsonl")]
        assert cli(["questions", "judge", *common, *out, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["pairs"], told["failed"], told["kappa"], told["problems"]) == (6, 0, 1.0, {})
        assert told["grades"] == {"0": {"without_gold": 4, "with_gold": 0}, "3": {"without_gold": 0, "with_gold": 2}}
        assert cli(["questions", "judge", *common, *out]) != 0, "a file that is there is not written over"
        assert "judged.jsonl exists" in capsys.readouterr().err
        out = ["--out", str(tmp_path / "nuggets.jsonl")]
        assert cli(["questions", "nuggets", *common, *out]) == 0
        assert "2 of 2 questions have nuggets: 2, of them 2 vital" in capsys.readouterr().out
        server.say = lambda prompt: '{"labels": ["support"], "verdicts": [true], "mark": 5}'
        evaluate = ["evaluate", crafts, str(tmp_path / "nuggets.jsonl"), "--judge", "openai:tiny", "--json"]
        assert cli([*evaluate, "--metrics", "nuggets_vital_strict,nuggets_all"]) == 0
        metrics = json.loads(capsys.readouterr().out)["metrics"]
        assert [metrics[name]["value"] for name in ("nuggets_vital_strict", "nuggets_all")] == [1.0, 1.0]
        server.say = lambda prompt: "I would rather not."
        assert cli(["questions", "judge", *common, "--out", str(tmp_path / "none.jsonl")]) != 0
        told = capsys.readouterr()
        assert "0 documents graded, 6 not" in told.out
        assert "6 times: the judge's answer is unreadable" in told.err
