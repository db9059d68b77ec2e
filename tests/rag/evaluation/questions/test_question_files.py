"""Every form of question file in one type; bad lines are named, never silent."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from rag.errors import InvalidInput
from rag.evaluation import GoldSpan, Question, QuestionSet, read_questions, write_questions
from rag.evaluation.trec import read_qrels


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
    assert "test.tsv:7: not question, document and a whole number" in said
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


# ---- what pandas, Excel and RAGAS write ---------------------------------------------------------------------------


def first(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_questions(tmp_path / name)


EMPTY = ["NaN", "null", '""', '"nan"', '"None"', '"<NA>"', "[]", "[NaN]", "[null]"]


@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_cell_is_no_gold(tmp_path, empty):
    fields = ("documents", "chunks", "quotes", "spans", "unanswerable", "history", "metadata")
    rest = ", ".join(f'"{field}": {empty}' for field in fields if not (field == "unanswerable" and "[" in empty))
    (q,) = first(tmp_path, "q.jsonl", f'{{"id": "1", "text": "Who?", "answers": "Ann", {rest}}}')
    assert q == Question("1", "Who?", answers=("Ann",))


def test_an_answer_that_may_be_none_is_refused_by_name(tmp_path):
    rows = ['{"text": "a", "answers": "None"}', '{"text": "b", "answers": ["None"]}', '{"text": "c", "answers": NaN}']
    found = first(tmp_path, "q.jsonl", "\n".join(rows))
    assert [q.answers for q in found] == [("None",), ()]
    assert found.problems == (
        "q.jsonl:1: the answer is 'None': leave it empty if there is none, or write [\"None\"] if it is meant",
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.0", True),
        ("1", True),
        ("True", True),
        ("yes", True),
        ("0.0", False),
        ("False", False),
        ("", False),
        ("nan", False),
    ],
)
def test_truth_values_of_tables(tmp_path, written, meant):
    (q,) = first(tmp_path, "q.csv", f"id,text,unanswerable\n1,Who?,{written}\n")
    assert q.unanswerable is meant


def test_a_truth_value_that_is_none_is_refused(tmp_path):
    found = first(tmp_path, "q.csv", "id,text,unanswerable\n1,Who?,maybe\n2,Who else?,2\n3,When?,1.0\n")
    assert [q.id for q in found] == ["3"]
    assert "unanswerable has 'maybe' where true or false is needed" in found.problems[0]


@pytest.mark.parametrize(
    ("cell", "quotes"),
    [
        ("['One, two.', 'Three\\'s.']", ("One, two.", "Three's.")),
        ("['One.' \"Two's.\"\n 'Three.']", ("One.", "Two's.", "Three.")),  # numpy has no commas
        ("['One.', nan, None]", ("One.",)),
        ("['One.']", ("One.",)),
        ("[]", ()),
        ('["One | two."]', ("One | two.",)),
        ("One. | Two.", ("One.", "Two.")),
        ("[1] says Smith", ("[1] says Smith",)),
        ("('One.', 'Two.')", ("One.", "Two.")),
        ("array(['One.', 'Two.'], dtype=object)", ("One.", "Two.")),
        ("{'One.'}", ("One.",)),
        ("(as Smith says)", ("(as Smith says)",)),
    ],
)
def test_lists_in_the_cells_of_a_table(tmp_path, cell, quotes):
    import csv

    with (tmp_path / "q.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["user_input", "reference_contexts"], ["Who?", cell]])
    assert read_questions(tmp_path / "q.csv")[0].quotes == quotes


@pytest.mark.parametrize("cell", ["['a' ... 'z']", "[a, b]", "[array(['x'], dtype=object)]", "{'a': }"])
def test_a_list_that_is_none_is_refused_by_name(tmp_path, cell):
    import csv

    with (tmp_path / "q.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "reference_contexts"], ["Who?", cell], ["When?", "x"]])
    found = read_questions(tmp_path / "q.csv")
    assert len(found) == 1
    assert "which is not a list" in found.problems[0]


RAGAS_OLD = {"question": "Who?", "contexts": ["Bob did."], "answer": "Bob", "ground_truth": "Ann"}
RAGAS_NEW = {"user_input": "Who?", "retrieved_contexts": ["Bob did."], "response": "Bob", "reference": "Ann",
             "reference_contexts": ["Ann did."]}  # fmt: skip


@pytest.mark.parametrize("name", ["q.jsonl", "q.json", "q.csv", "q.tsv"])
@pytest.mark.parametrize(("row", "quotes"), [(RAGAS_OLD, ()), (RAGAS_NEW, ("Ann did.",))], ids=["old", "new"])
def test_the_output_of_a_system_is_never_gold(tmp_path, name, row, quotes):
    import csv

    path = tmp_path / name
    if name.startswith("q.json"):
        path.write_text(json.dumps(row) if name == "q.jsonl" else json.dumps([row]))
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="," if name == "q.csv" else "\t").writerows(
                [list(row), list(map(str, row.values()))]
            )
    found = read_questions(path)
    assert (found[0].answers, found[0].quotes, dict(found[0].metadata)) == (("Ann",), quotes, {})
    output = {"contexts", "answer", "retrieved_contexts", "response"} & set(row)
    assert {note.split("'")[1] for note in found.notes} == output
    assert not found.problems


def test_an_answer_beside_contexts_is_output_also_where_the_truth_is_missing(tmp_path):
    rows = [RAGAS_OLD, {"question": "When?", "answer": "Never"}, {"question": "Why?", "contexts": ["x"], "answer": "y"}]
    found = first(tmp_path, "q.jsonl", "\n".join(map(json.dumps, rows)))
    assert [q.answers for q in found] == [("Ann",), (), ()]


def test_a_column_that_is_not_used_is_said(tmp_path):
    found = first(
        tmp_path, "q.csv", "id,Question,anwsers,ground_truth,reference,topic\n1,Who?,x,Ann,,a\n2,Who?,x,Ann,Bob,b\n"
    )
    assert [q.answers for q in found] == [("Ann",), ("Bob",)]
    assert found[0].metadata == {"anwsers": "x", "topic": "a"}
    assert found.notes == (
        "the column 'anwsers' is kept as metadata; is 'answers' meant?",
        "the column 'ground_truth' is not used where 'reference' has a value",
    )
    assert found.sample(1).notes == found.notes


def test_marks_of_byte_order_and_other_encodings(tmp_path):
    row = '{"id": "é", "text": "Où?"}'
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "q.jsonl").write_bytes(row.encode(encoding))
        assert read_questions(tmp_path / "q.jsonl")[0].id == "é"
        (tmp_path / "q.csv").write_bytes("id;text\r\né;Où?\r\n".encode(encoding))
        assert read_questions(tmp_path / "q.csv")[0] == Question("é", "Où?")
    (tmp_path / "q.jsonl").write_text(row + "\n\ufeff" + row.replace("é", "e"), encoding="utf-8")
    assert [q.id for q in read_questions(tmp_path / "q.jsonl")] == ["é", "e"]
    (tmp_path / "q.csv").write_bytes("id,text\n1,Où?\n".encode("latin-1") + b"2,Who?\n")
    found = read_questions(tmp_path / "q.csv")
    assert [q.id for q in found] == ["2"]
    assert found.problems == ("q.csv:2: not UTF-8; save the file as UTF-8",)


def test_numbers_that_pandas_made_of_ids(tmp_path):
    (q,) = first(tmp_path, "q.jsonl", '{"id": 7.0, "text": "Who?", "documents": [3.0, "4.0"], "chunks": {"5.0": 2.0}}')
    assert q == Question("7", "Who?", documents={"3": 1, "4.0": 1}, chunks={5: 2})


def test_a_row_with_more_cells_than_columns_is_named(tmp_path):
    found = first(tmp_path, "q.csv", "id,text\n1,Who, then?\n2,When?\n")
    assert [q.id for q in found] == ["2"]
    assert "q.csv:2: more cells than columns" in found.problems[0]


def test_giant_grades_and_halves_of_letters_are_named_or_replaced(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"text": "Where?", "documents": {"a": 9223372036854775808}}\n')
    with pytest.raises(InvalidInput, match=r"q.jsonl:1: a grade of 9223372036854775808 is beyond 1000"):
        read_questions(path)
    path.write_text('{"id": "a\\ud800", "text": "Where \\udfff?", "documents": {"\\ud800": 1}}\n')
    (question,) = read_questions(path)
    json.dumps(asdict(question), ensure_ascii=False).encode()
    qrels = tmp_path / "g.qrels"
    qrels.write_text(f"q 0 a {10**20}\n")
    with pytest.raises(InvalidInput, match=r"g.qrels:1: a grade of 100000000000000000000 is beyond"):
        read_qrels(qrels)
