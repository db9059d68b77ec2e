"""Every form of question file in one type; bad lines are named, never silent."""

from __future__ import annotations

import json

import pytest

from rag.errors import InvalidInput
from rag.evaluation import GoldSpan, Question, QuestionSet, read_questions, write_questions


def test_own_form_round_trips(tmp_path):
    made = QuestionSet(
        (
            Question(
                "1", "What?", {"d": 2, "e": 0}, {7: 1}, (GoldSpan("d", 0, 5, 3),), ("quote",), ("x", "y"),
                metadata={"type": "how"}, history=("Hi",),
            ),
            Question("2", "Nothing?", unanswerable=True),
        )
    )  # fmt: skip
    write_questions(made, tmp_path / "q.jsonl")
    again = read_questions(tmp_path / "q.jsonl")
    assert again.questions == made.questions
    assert again.digest == made.digest
    assert again.level == "span"


def test_ragas_and_plain_names(tmp_path):
    rows = [
        {"user_input": "Who?", "reference": "Ann", "reference_contexts": ["Ann did."], "response": "Bob"},
        {"question": "Where?", "ground_truths": ["Here", "There"], "source": "faq"},
        {"query": "When?", "document": "d1", "answer": "a | b"},
    ]  # fmt: skip
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    one, two, three = read_questions(tmp_path / "q.jsonl")
    assert (one.text, one.answers, one.quotes, dict(one.metadata)) == ("Who?", ("Ann",), ("Ann did.",), {})
    assert (two.answers, dict(two.metadata)) == (("Here", "There"), {"source": "faq"})
    assert (dict(three.documents), three.answers) == ({"d1": 1}, ("a | b",))


def test_tables(tmp_path):
    (tmp_path / "q.csv").write_text(
        'id,question,documents,answers,type\n1,"Who, then?",a.md|b.md,"[""x|y""]",how\n2,,a,b,c\n'
    )
    found = read_questions(tmp_path / "q.csv")
    assert found[0] == Question("1", "Who, then?", {"a.md": 1, "b.md": 1}, answers=("x|y",), metadata={"type": "how"})
    assert found.problems == ("q.csv:3: no text of a question",)


def test_squad(tmp_path):
    text = "Otters hold hands."
    qas = [
        {"id": "1", "question": "What do otters hold?", "answers": [{"text": "hands", "answer_start": 12}] * 2},
        {"id": "2", "question": "And cats?", "answers": [], "is_impossible": True},
    ]
    data = {"version": "v2.0", "data": [{"title": "Otters", "paragraphs": [{"context": text, "qas": qas}]}]}
    (tmp_path / "dev.json").write_text(json.dumps(data))
    one, two = read_questions(tmp_path / "dev.json")
    assert (one.spans, one.answers, dict(one.documents)) == (
        (GoldSpan("Otters_0", 12, 17),),
        ("hands",),
        {"Otters_0": 1},
    )
    assert text[one.spans[0].start : one.spans[0].end] == "hands"
    assert two.unanswerable
    assert not two.documents


@pytest.fixture
def beir(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_text(
        '{"_id": "1", "text": "one"}\n{"_id": "2", "text": "two"}\nnot json\n{"_id": "3", "text": " "}\n'
    )
    (tmp_path / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n1\ta\t1\n3\ta\t1\nghost\ta\t1\n1\tc\tmuch\n"
    )
    (tmp_path / "answers.jsonl").write_text('{"_id": "1", "answers": ["x"]}\n')
    (tmp_path / "unanswerable.jsonl").write_text('{"_id": "9", "text": "nine"}\n')
    return tmp_path


def test_beir(beir):
    found = read_questions(f"beir:{beir}")
    assert found.questions == (Question("1", "one", {"a": 2, "b": 0}, answers=("x",)),)
    said = "\n".join(found.problems)
    assert "test.tsv:4: 'a' is judged twice for '1'; the first counts" in said
    assert "test.tsv:7: not question, document, whole number" in said
    assert "queries.jsonl:3:" in said
    assert "question '3' is empty" in said
    assert "judges 2 questions that queries.jsonl does not hold: 3, ghost" in said
    assert [q.id for q in read_questions(f"beir:{beir}", unanswerable=True)] == ["1", "9"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.jsonl", "", "does not hold a question that can be asked"),
        ("q.jsonl", '{"id": 1}', "no text of a question"),
        ("q.jsonl", '{"id": 1, "txt": "x"}', "is 'txt' meant to be 'text'"),
        ("q.jsonl", '{"text": "x", "documents": {"a": "much"}}', "documents has 'much' where a whole number"),
        ("q.jsonl", '{"text": "x", "spans": [{"document": "a", "start": 5, "end": 5}]}', "is empty or backwards"),
        ("q.jsonl", '{"text": "x", "spans": ["a"]}', "a span is"),
        ("q.jsonl", '{"text": "x"', "q.jsonl:1"),
        ("q.jsonl", "[" * 100_000, "q.jsonl:1"),
        ("q.jsonl", '"just a text"', "not a JSON object"),
        ("q.json", "{", "is not JSON"),
        ("q.json", '{"data": 5}', "neither a list of questions nor of SQuAD's form"),
        ("q.xlsx", "x", "give a file ending in .jsonl"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput, match=said.replace("(", r"\(")):
        read_questions(tmp_path / name)


def test_bad_lines_do_not_stop_the_rest(tmp_path):
    (tmp_path / "q.jsonl").write_text('{"id": "1", "text": "one"}\n{"id": "1", "text": "again"}\n\n{"text": 5}\nnull\n')
    found = read_questions(tmp_path / "q.jsonl")
    assert [q.id for q in found] == ["1", "4"]
    assert "question id '1' occurs twice; the first one counts" in found.problems[0]
    assert len(found.problems) == 2


def test_missing_files_and_folders(tmp_path, beir):
    with pytest.raises(InvalidInput, match="cannot read the questions"):
        read_questions(tmp_path / "nowhere.jsonl")
    with pytest.raises(InvalidInput, match="say beir:"):
        read_questions(beir)
    with pytest.raises(InvalidInput, match="it has test"):
        read_questions(f"beir:{beir}", split="dev")


def test_sets_refuse_repeated_and_empty_questions():
    with pytest.raises(InvalidInput, match="occurs twice"):
        QuestionSet((Question("1", "a"), Question("1", "b")))
    with pytest.raises(InvalidInput, match="is empty"):
        QuestionSet((Question("1", " "),))


def test_samples_are_seeded_and_keep_the_order():
    made = QuestionSet(tuple(Question(str(i), f"q{i}") for i in range(50)))
    one = made.sample(10, seed=1)
    assert one.questions == made.sample(10, seed=1).questions
    assert one.questions != made.sample(10, seed=2).questions
    assert sorted(map(int, (q.id for q in one))) == [int(q.id) for q in one]
    assert made.sample(99) is made
