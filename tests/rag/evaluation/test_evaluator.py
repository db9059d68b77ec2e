"""Evaluating a knowledge base whole: figures, failures, slices, files, the command line and its report."""

from __future__ import annotations

import json
from functools import partial

import ir_measures
import pytest
from stalling import hang, let_go
from timing import tried, within

from pipelines.cli import run
from pipelines.evaluation.report import report
from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Passage, Retriever
from rag.errors import InvalidInput
from rag.evaluation import GoldSpan, Outcome, Question, QuestionSet, Saved, evaluate, score
from rag.evaluation.questions.locating import located
from rag.evaluation.questions.question_making import make_questions
from rag.evaluation.questions.question_templates import fits
from rag.evaluation.trec import read_qrels, read_run, write_qrels, write_run
from rag.testing import ScriptedGenerator

__all__ = ["let_go"]

TEXTS = {
    "otter": "Otters hold hands while they sleep.",
    "crow": "Crows remember faces for years. To feed a crow, put peanuts on a flat roof.",
    "bee": "If you want to attract bees, you can plant lavender in the garden.",
}
QUESTIONS = QuestionSet(
    (
        Question("1", "Who holds hands while they sleep?", {"otter": 1}, answers=("Otters",), metadata={"type": "who"}),
        Question("2", "How do I feed a crow?", {"crow": 1}, answers=("peanuts",), metadata={"type": "how"}),
        Question("3", "How do I attract bees?", {"bee": 1, "gone": 1}, metadata={"type": "how"}),
        Question("4", "What is nowhere?"),
    )
)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    place = tmp_path_factory.mktemp("evaluated") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(), chunker="document") as made:
        made.add([Document.from_text(text, id=name) for name, text in TEXTS.items()])
        yield made


def test_figures_rows_slices_and_worst(kb):
    found = evaluate(Retriever(kb, dedupe=False), QUESTIONS, metrics=["RR", "R@1"], k=1)
    assert found.metrics["context_recall"].value == pytest.approx((1 + 1 + 0.5) / 3)
    assert found.metrics["context_recall"].n == 3
    assert "1 of 4 questions cannot be scored (nothing is known to be relevant)" in found.metrics["RR"].reason
    assert found.slices("context_recall", "type")["how"].value == 0.75
    assert found.worst("context_recall", 1)[0].question.id == "3"
    assert any("1 judged documents are not in the knowledge base: gone" in p for p in found.questions.problems)


def test_failures_count_zero_and_are_named(kb):
    class Breaks(Retriever):
        def search_many(self, questions, k=None, **options):
            if any("crow" in q for q in questions):
                raise RuntimeError("crows are off")
            return super().search_many(questions, k, **options)

    whole = evaluate(Retriever(kb, dedupe=False), QUESTIONS, k=1).metrics["context_recall"]
    broken = evaluate(Breaks(kb, dedupe=False), QUESTIONS, k=1)
    assert broken.failures == {"2": "RuntimeError: crows are off"}
    assert broken.metrics["context_recall"].value == pytest.approx(whole.value - 1 / 3)
    assert broken.metrics["context_recall"].n_failed == 1


def test_a_question_without_an_outcome_has_failed():
    found = score(QUESTIONS, [Outcome("1")], metrics=["RR"])
    assert found.metrics["RR"].n_failed == 2
    with pytest.raises(InvalidInput, match="'ghost', which the set does not hold"):
        score(QUESTIONS, [Outcome("ghost")])


def test_answers_are_asked_for_where_metrics_need_them(kb):
    found = evaluate(Bot(Retriever(kb)), QUESTIONS, metrics=["answer_containment", "faithfulness"], k=2)
    assert found.metrics["answer_containment"].n == 2
    with pytest.raises(InvalidInput, match="faithfulness needs an answer; give a Bot"):
        evaluate(Retriever(kb), QUESTIONS, metrics=["faithfulness"])
    with pytest.raises(InvalidInput, match="needs a judge"):
        evaluate(Bot(Retriever(kb)), QUESTIONS, metrics=["faithfulness_judged"])
    with pytest.raises(InvalidInput, match="did you mean faithfulness"):
        evaluate(Retriever(kb), QUESTIONS, metrics=["faithfullness"])


def test_spans_and_quotes(kb):
    made = QuestionSet(
        (Question("1", "feed a crow", quotes=("put peanuts",)), Question("2", "x?", quotes=("not there",)))
    )
    placed = located(made, kb)
    assert placed[0].spans == (GoldSpan("crow", 48, 59),)
    assert "no document holds the quote" in placed.problems[0]
    found = evaluate(Retriever(kb), made, metrics=["span_recall"], k=1)
    assert (found.level, found.metrics["span_recall"].value, found.metrics["context_recall"].value) == (
        "span",
        0.5,
        0.5,
    )


def test_saved_and_read_back(kb, tmp_path):
    found = evaluate(Retriever(kb), QUESTIONS, k=1)
    found.save(tmp_path / "a")
    again = Saved.load(tmp_path / "a")
    assert again.metrics == dict(found.metrics)
    assert again.values("RR") == found.values("RR")
    (tmp_path / "b").write_text('{"format": 1}')
    with pytest.raises(InvalidInput, match="not a saved evaluation"):
        Saved.load(tmp_path / "b")


@pytest.mark.parametrize("name", ["a%20b", "a%2520b", "a%41", "%", "%25", "x\ufeff", "plain", "猫"])
def test_ids_of_trec_files_come_back_as_they_are(name, tmp_path):
    write_run(tmp_path / "r", {name: [(name, 1.0), ("b", 1.0), ("c", 0.5)]})
    run_ = read_run(tmp_path / "r")
    assert list(run_[name]) == [name, "b", "c"]
    assert run_[name][name] > run_[name]["b"] > run_[name]["c"]
    write_qrels(tmp_path / "q", {name: {name: 2}})
    assert read_qrels(tmp_path / "q") == {name: {name: 2}}
    assert f"{name} 0 {name} 2" in (tmp_path / "q").read_text()


@pytest.mark.parametrize("name", ["a b", "a\tb", "\u00a0x", "", "line\nend", "\ufeffx"])
def test_an_id_that_a_trec_file_cannot_hold_is_refused_by_name(name, tmp_path):
    for write in (
        lambda q, d: write_run(tmp_path / "r", {q: [(d, 1.0)]}),
        lambda q, d: write_qrels(tmp_path / "r", {q: {d: 1}}),
    ):
        for question, item in ((name, "d"), ("q", name)):
            with pytest.raises(InvalidInput, match=r"white space|is empty|byte order mark"):
                write(question, item)
    assert not (tmp_path / "r").exists()


def test_trec_files_of_others(tmp_path):
    file = tmp_path / "r.trec"
    file.write_bytes("\ufeffq\u00a01 Q0  http://x/a%20b\t1 2.5 tag\r\nq2 Q0 d 1 1 t\n".encode())
    assert read_run(file) == {"q\u00a01": {"http://x/a%20b": 2.5}, "q2": {"d": 1.0}}
    file.write_text("q1 Q0 my file.md 1 2.5 tag\n")
    with pytest.raises(InvalidInput, match=r"r\.trec:1: 7 fields.*an id cannot hold white space"):
        read_run(file)
    file.write_bytes(b"q1 Q0 caf\xe9 1 2.5 tag\n")
    with pytest.raises(InvalidInput, match=r"r\.trec:1: not UTF-8"):
        read_run(file)


def test_a_run_that_no_file_can_hold_is_refused_before_a_question_is_asked(tmp_path, capsys):
    kb, asked, out = tmp_path / "kb", tmp_path / "asked.jsonl", tmp_path / "out.trec"
    with KnowledgeBase.create(kb, embedder=HashingEmbedder(), chunker="document") as made:
        made.add([Document.from_text("Otters hold hands.", id="my file.md")])
    asked.write_text(json.dumps({"id": "1", "question": "Who holds hands?", "documents": ["my file.md"]}))
    assert run(["evaluate", str(kb), str(asked), "--run", str(out)]) == 64
    assert run(["search", str(kb), "--questions", str(asked), "--run", str(out)]) == 64
    said = capsys.readouterr()
    assert said.err.count("the id 'my file.md' holds white space") == 2
    assert not said.out
    assert run(["evaluate", str(kb), str(asked)]) == 0


@pytest.mark.parametrize("found", [["d1"], [{"document": "d1"}], [("d1", 1.0)], None, "d1", 5, [None]], ids=repr)
def test_a_system_of_ones_own_that_returns_other_things_is_refused_at_the_first_question(found):
    class Mine:
        asked = 0

        def retrieve(self, question: str, k: int):
            self.asked += 1
            return found

    system = Mine()
    with pytest.raises(InvalidInput, match=r"Mine\.retrieve must return rag\.Passage objects.*it returned"):
        evaluate(system, QUESTIONS)
    assert system.asked == 1

    class Bot:
        def ask(self, question: str, *, k: int):
            return found

    with pytest.raises(InvalidInput, match=r"Bot\.ask must return a rag\.Answer"):
        evaluate(Bot(), QUESTIONS)


@pytest.mark.parametrize("document", [7, None, b"d1", ["d1"]], ids=repr)
def test_a_passage_whose_document_is_not_a_text_is_refused_too(document):
    class Mine:
        def retrieve(self, question: str, k: int):
            return [Passage(1, 1.0, 1, document, "s", 0, 18, "Otters hold hands.")]

    with pytest.raises(InvalidInput, match=r"Mine\.retrieve must return .* give its id as text"):
        evaluate(Mine(), QUESTIONS)


@pytest.mark.parametrize("line", ["q Q0 d 1", "q Q0 d 1 nan t", "q Q0 d 1 x t", "q Q0 d 1 1 t\nq Q0 d 2 1 t"])
def test_broken_runs_are_refused_by_line(line, tmp_path):
    (tmp_path / "r").write_text(line + "\n")
    with pytest.raises(InvalidInput, match=r"r:[12]:"):
        read_run(tmp_path / "r")


def test_made_questions_stand_in_their_spans(kb):
    found = make_questions(kb, 10)
    texts = {q.text: q for q in found.questions}
    assert set(texts) == {"How do I feed a crow?", "How do I attract bees?"}
    for q in found.questions:
        (span,) = q.spans
        assert TEXTS[span.document][span.start : span.end] == q.answers[0]
        assert fits(q.text, q.answers[0])
    assert make_questions(kb, 10).questions.digest == found.questions.digest


def test_what_a_model_writes_is_checked(kb):
    def say(messages):
        if "Otters" in messages[1].content:
            return '{"question": "Which animals sleep hand in hand?", "quote": "Otters hold hands"}'
        if "Crows" in messages[1].content:
            return '{"question": "What does it say?", "quote": "Crows remember faces"}'
        return '{"question": "What attracts pollinators at home?", "quote": "made up"}'

    found = make_questions(kb, 3, model=ScriptedGenerator(say))
    assert [q.text for q in found.questions] == ["Which animals sleep hand in hand?"]
    assert found.rejected == {
        "the question points outside itself or repeats its answer": 1,
        "the passage does not hold the quote": 1,
    }


@tried
def test_a_model_that_stalls_costs_a_passage_and_is_not_asked_again_after_the_third(tmp_path):
    def say(messages):
        asked.append(messages)
        if len(asked) > 1:
            hang()
        return '{"question": "How do herons rest?", "quote": "one leg"}'

    asked = []
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(), chunker="document") as base:
        base.add(Document.from_text(f"Heron {n} sleeps on one leg.", id=str(n)) for n in range(6))
        make = partial(make_questions, base, 3, model=ScriptedGenerator(say), deadline=0.2)
        found = within(2.0, lambda: asked.clear() or make())
    assert [q.text for q in found.questions] == ["How do herons rest?"]
    assert (len(asked), sum(found.rejected.values())) == (4, 3)
    assert all(each.startswith("the model failed") for each in found.rejected)


def test_the_report_escapes_and_loads_nothing(kb):
    evil = QuestionSet((Question("1", "<script>alert(1)</script> otters hold hands", {"crow": 1}),))
    html = report(evaluate(Bot(Retriever(kb)), evil, metrics=["faithfulness"], k=2))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "default-src 'none'" in html
    assert "http://" not in html
    assert "https://" not in html


def test_the_command_line(tmp_path, capsys):
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": n, "title": "", "text": t}) for n, t in TEXTS.items()]
    (beir / "corpus.jsonl").write_text("\n".join(rows))
    asked = [json.dumps({"_id": q.id, "text": q.text}) for q in QUESTIONS]
    (beir / "queries.jsonl").write_text("\n".join(asked))
    lines = [f"{q.id}\t{d}\t{g}" for q in QUESTIONS for d, g in q.documents.items()]
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    kb, out = tmp_path / "kb", tmp_path / "out.trec"
    assert run(["ingest", f"beir:{beir}", "--into", str(kb), "--embedder", "hashing-64"]) == 0
    capsys.readouterr()
    names = "nDCG@10,P@5,R@10,rr"
    code = run(["evaluate", str(kb), f"beir:{beir}", "-k", "10", "--metrics", names, "--run", str(out), "--json", "--save", str(tmp_path / "a.json")])  # fmt: skip  # noqa: E501
    assert code == 0
    found = json.loads(capsys.readouterr().out)["metrics"]
    assert set(found) == {"context_precision", "context_recall", *names.split(",")}
    qrels = {q.id: dict(q.documents) for q in QUESTIONS if q.documents}
    measures = [ir_measures.parse_measure(n) for n in ("nDCG@10", "P@5", "R@10", "RR")]
    theirs = ir_measures.calc_aggregate(measures, qrels, read_run(out))
    for name, m in zip(names.split(","), measures, strict=True):
        assert found[name]["value"] == pytest.approx(theirs[m], abs=1e-6)
    page = tmp_path / "r.html"
    again = ["evaluate", str(kb), f"beir:{beir}", "-k", "10", "--fusion", "terms", "--metrics", names]
    assert run([*again, "--baseline", str(tmp_path / "a.json"), "--robustness", "typo", "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "against a, 3 questions" in said
    assert "typo" in said
    assert page.read_text().startswith("<!doctype html>")
    assert run(["evaluate", str(kb), f"beir:{beir}", "--metrics", "nDGC@10"]) == 64
    assert "did you mean" in capsys.readouterr().err


@pytest.mark.slow
def test_the_answers_of_a_language_model_on_the_command_line(tmp_path, capsys, chat_server):
    kb, asked = tmp_path / "kb", tmp_path / "asked.jsonl"
    with KnowledgeBase.create(kb, embedder=HashingEmbedder(), chunker="document") as made:
        made.add([Document.from_text(text, id=name) for name, text in TEXTS.items()])
    asked.write_text(json.dumps({"id": "1", "question": "Who holds hands while they sleep?", "answers": ["otters"]}))
    command = ["evaluate", str(kb), str(asked), "--generator", "openai:tiny", "--rewrite", "none", "--json",
               "--set", f"cache={tmp_path}/answers.sqlite"]  # fmt: skip
    assert run([*command, "--base-url", chat_server.url]) == 0
    found = json.loads(capsys.readouterr().out)["metrics"]
    assert found["faithfulness"]["value"] == found["answer_containment"]["value"] == 1.0
    assert len(chat_server.requests) == 1
    assert run([*command, "--base-url", chat_server.url]) == 0
    assert len(chat_server.requests) == 1
    capsys.readouterr()
    assert run([*command, "--base-url", "http://127.0.0.1:9/v1"]) == 2
    failed = json.loads(capsys.readouterr().out)["metrics"]["faithfulness"]
    assert (failed["value"], failed["n_failed"]) == (0.0, 1)


def test_counts_are_sums_over_questions(kb):
    found = evaluate(Retriever(kb), QUESTIONS, metrics=["NumQ", "NumRel", "NumRet", "P@5"], k=3)
    judged = [q for q in QUESTIONS if q.documents]
    assert found.metrics["NumQ"].value == len(judged)
    assert found.metrics["NumRel"].value == sum(g > 0 for q in judged for g in q.documents.values())
    assert found.metrics["NumRet"].value == sum(found.values("NumRet").values()) > len(judged)
    assert (found.metrics["NumQ"].low, found.metrics["NumQ"].high) == (None, None)
    assert found.metrics["P@5"].value < 1


class Counting:
    """A retriever that counts what it is asked."""

    def __init__(self, kb, **settings):
        self.retriever, self.asked = Retriever(kb, **settings), 0

    @property
    def kb(self):
        return self.retriever.kb

    @property
    def config(self):
        return self.retriever.config

    def retrieve(self, question: str, k: int):
        self.asked += 1
        return self.retriever.retrieve(question, k)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ('typ == "pdf"', "the field 'typ', which no document has"),
        ('type == "text" or yeer > 3', "the field 'yeer', which no document has"),
        ('not (colour == "red")', "the field 'colour', which no document has"),
        ('type == "pdf"', "fits no passage"),
    ],
)
def test_a_filter_that_finds_nothing_is_refused_before_the_first_question(kb, where, said):
    system = Counting(kb, where=where)
    with pytest.raises(InvalidInput, match=said):
        evaluate(system, QUESTIONS)
    assert not system.asked
    assert evaluate(Counting(kb, where="missing == null"), QUESTIONS).metrics["RR"].value is not None


def test_grades_that_a_metric_does_not_know_are_refused_before_the_first_question(kb):
    system = Counting(kb)
    high = QuestionSet((Question("1", "Who holds hands?", documents={"otter": 7}),))
    with pytest.raises(InvalidInput, match="ERR is defined for grades up to 4, and the judgments hold 7"):
        evaluate(system, high, metrics=["ERR@10"])
    assert not system.asked


def test_a_metric_that_breaks_costs_no_other(kb):
    one = QuestionSet((Question("1", "Who holds hands?", documents=dict.fromkeys(TEXTS, 1)),))
    found = evaluate(Retriever(kb), one, metrics=["Accuracy", "P@1"], k=3)
    assert found.metrics["P@1"].value == 1
    assert found.metrics["Accuracy"].value is None
    assert "Accuracy cannot be computed on such rankings" in found.metrics["Accuracy"].reason
