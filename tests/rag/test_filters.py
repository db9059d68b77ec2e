"""Filters against an evaluator written in Python, and what must not parse."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from rag.documents.document import Document
from rag.documents.sections import Section
from rag.embedding import HashingEmbedder
from rag.errors import InvalidFilter
from rag.filter_parser import MAX_DEPTH, parse
from rag.filters import FIELDS, FieldTest, Filter, Junction, Node, Not, readable_by
from rag.knowledge_base import KnowledgeBase
from rag.languages import language

METADATA = [
    {},
    {"year": 2020, "lang": "en", "draft": True},
    {"year": "2020", "lang": "EN", "draft": 1},
    {"year": 2019.5, "lang": None, "draft": False},
    {"year": -3, "a.b": "x", "title": "inner", "it's": 'say "hi"', "lang": "de"},
    {"year": 2**53, "lang": "日本語", "draft": "true", "rating": 0},
    {"year": [2019, "2020"], "lang": ["en", "de"], "draft": [True, 3], "language": ["fr", 7]},
]
MODIFIED = [None, 0.0, 1_700_000_000.0, 1_714_521_600.0, 1e9, 2e9, None]


WORDS = ["This is the first part of", "Das ist der erste Teil von", "第一部分"]


def corpus() -> list[Document]:
    out = []
    for i, facts in enumerate(METADATA):
        text = f"{WORDS[i % 3]} {i}. " * 6 + f"Second part of {i}. " * 6
        middle = text.index("Second")
        sections = (Section(0, middle, ("Intro", f"Part {i}"), 1), Section(middle, len(text), ("Intro", "End"), i))
        document = Document(
            f"dir{i % 2}/doc{i}",
            text,
            f"dir{i % 2}/file{i}",
            f"Title {i}" if i else "",
            "pdf" if i % 2 else "md",
            sections,
        )
        out.append(replace(document, metadata=facts, modified=MODIFIED[i]))
    return out


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    path = tmp_path_factory.mktemp("filters") / "kb"
    with KnowledgeBase.create(path, embedder=HashingEmbedder(8), chunker="headings:16/0") as base:
        base.add(corpus())
        yield base


def holds(node: Node, fields: dict[str, list[object]]) -> bool:
    """The meaning of a filter, straight from its description."""
    if isinstance(node, Junction):
        return (all if node.word == "and" else any)(holds(part, fields) for part in node.parts)
    if isinstance(node, Not):
        return not holds(node.part, fields)
    assert isinstance(node, FieldTest)
    values = [v for v in fields.get(node.field.removeprefix("metadata."), []) if v is not None]
    if node.field.startswith("metadata."):
        values = [v for v in several(fields["__meta__"][0].get(node.field.removeprefix("metadata."))) if v is not None]
    if node.op == "exists":
        return bool(values)
    if None in node.values and not values:
        return True
    return any(compare(value, node.op, wanted) for value in values for wanted in node.values if wanted is not None)


def several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def kind(value: object) -> type:
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def compare(value: object, op: str, wanted: object) -> bool:
    if kind(value) is not kind(wanted):
        return False
    if op == "startswith":
        return str(value).startswith(str(wanted))
    tests = {"==": value == wanted, "in": value == wanted}
    if op in tests:
        return tests[op]
    return {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}[op]


_FIELDS: dict[int, dict[str, list[object]]] = {}


def all_fields(kb: KnowledgeBase) -> dict[int, dict[str, list[object]]]:
    if not _FIELDS:
        documents = {name: kb.document(name) for name in kb.document_ids()}
        for record in kb.chunks(kb.chunk_ids()):
            fields: dict[str, list[object]] = {k: several(v) for k, v in record.metadata.items() if k not in FIELDS}
            _FIELDS[record.id] = fields | {
                "__meta__": [record.metadata],
                "source": [record.source],
                "type": [record.type or None],
                "title": [record.title or None],
                "document": [record.document],
                "modified": [documents[record.document].modified],
                "page": [record.page],
                "heading": list(record.heading),
                "language": several(
                    record.metadata.get("language") or language(documents[record.document].text) or None
                ),
            }
    return _FIELDS


def expected(kb: KnowledgeBase, wanted: Filter) -> list[int]:
    return [id_ for id_, fields in all_fields(kb).items() if holds(wanted.root, fields)]


CASES = [
    "language == 'en'",
    "language in ['fr', 'de']",
    "language != 'en'",
    "metadata.language == 7",
    "exists(language)",
    "language == null",
    'type == "pdf"',
    'type != "pdf"',
    "year == 2020",
    "year == '2020'",
    "year != 2020",
    "year >= 2019 and year < 2021",
    "year > '2'",
    "draft == true",
    "draft == 1",
    "draft != true",
    "draft == 'true'",
    "lang in ['en', 'de', 3]",
    "lang not in ['en', 'de']",
    "lang == null",
    "lang in [null, 'EN']",
    "exists(lang)",
    "not exists(year) or exists(a.b)",
    "a.b == 'x'",
    '"it\'s" == \'say "hi"\'',
    "metadata.title == 'inner'",
    "'title' == 'inner'",
    "title == 'inner'",
    "exists(title)",
    "title startswith 'Title'",
    "source startswith 'dir1/'",
    "document in ('dir0/doc0', 'dir1/doc1')",
    "page == 1",
    "page > 2",
    "page == '1'",
    "heading == 'End'",
    "heading != 'End'",
    "heading startswith 'Part'",
    "exists(page) and not (heading == 'End' or year == -3)",
    "modified >= '2023-11-14'",
    "modified < '2001-09-09T01:46:41+00:00'",
    "modified == 1700000000",
    "exists(modified)",
    "lang == '日本語'",
    "nothing == 3",
    "nothing != 3",
    "nothing not in [3]",
    "NOT type == 'md' AND (year < 3000 OR rating == 0)",
    "year == 9007199254740992",
    "year < 1e300",
]


@pytest.mark.parametrize("where", CASES)
def test_a_filter_means_what_the_reference_says(kb: KnowledgeBase, where: str) -> None:
    wanted = parse(where)
    assert kb.allowed(where).ids.tolist() == expected(kb, wanted)
    assert parse(str(wanted)) == wanted


def test_the_cases_tell_something(kb: KnowledgeBase) -> None:
    sizes = {where: len(kb.allowed(where)) for where in CASES}
    total = len(kb.chunk_ids())
    assert total > 20
    assert sum(0 < n < total for n in sizes.values()) > 0.7 * len(CASES)


names = st.sampled_from([*FIELDS, "year", "lang", "draft", "a.b", "it's", "rating", "metadata.title", "none such"])
scalars = st.sampled_from(
    [
        2020,
        2019.5,
        -3,
        0,
        1,
        "2020",
        "en",
        "EN",
        "",
        "pdf",
        "Title 1",
        "Intro",
        "dir1/",
        True,
        False,
        None,
        "日本語",
        "x' or 1=1 --",
    ]
)


@st.composite
def comparisons(draw: st.DrawFn) -> Node:
    field = draw(names)
    op = draw(st.sampled_from(["==", "in", "<", "<=", ">", ">=", "startswith", "exists"]))
    if op == "exists":
        return FieldTest(field, op)
    if op == "in":
        return FieldTest(field, op, tuple(draw(st.lists(scalars, min_size=1, max_size=3))))
    if op == "startswith":
        return FieldTest(field, op, (draw(scalars.filter(lambda v: isinstance(v, str))),))
    values = scalars if op == "==" else scalars.filter(lambda v: v is not None and not isinstance(v, bool))
    value = draw(values)
    if field == "modified" and isinstance(value, str):
        value = 1e9
    return FieldTest(field, op, (value,))


nodes = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(Not),
        st.builds(Junction, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(nodes)
def test_any_filter_means_what_the_reference_says(kb: KnowledgeBase, node: Node) -> None:
    wanted = Filter(node)
    assert kb.allowed(wanted).ids.tolist() == expected(kb, wanted)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        wanted = parse(text)
    except InvalidFilter as error:
        assert "^" in str(error)  # noqa: PT017 - whether it parses is not known before
    else:
        assert parse(str(wanted)) == wanted


@pytest.mark.parametrize(
    ("where", "at", "says"),
    [
        ("", 1, "empty"),
        ("type = 'pdf'", 6, "=="),
        ("type == pdf", 9, '"pdf"'),
        ("type == 'pdf", 9, "not closed"),
        ("(type == 'pdf'", 15, "expected ')'"),
        ("type == 'pdf' 3", 15, "expected 'and'"),
        ("type in 'pdf'", 9, "list"),
        ("page < true", 8, "no order"),
        ("title startswith 3", 18, "quotes"),
        ("modified > 'yesterday'", 12, "date"),
        ("== 3", 1, "field"),
        ("year == 1e999", 9, "too large"),
        ("year == 12abc", 9, "meaning"),
        ("a == 1; drop table chunks", 7, "meaning"),
        ("exists type", 8, "expected '('"),
        ("a == '\\ud800'", 6, "surrogate"),
    ],
)
def test_a_mistake_is_shown_where_it_is(where: str, at: int, says: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(where)
    message = str(caught.value)
    first, line, caret = message.split("\n")
    assert says in first
    assert f"(character {at})" in first
    assert caret.index("^") == at - 1 + 2
    assert line.strip() == where.strip()


def test_limits() -> None:
    deep = "(" * (MAX_DEPTH - 1) + "a == 1" + ")" * (MAX_DEPTH - 1)
    assert str(parse(deep)) == "a == 1"
    for where in (f"({deep})", "not " * 10_000 + "a == 1", "a == 1 and " * 300 + "a == 1", "a == '" + "x" * 9000 + "'"):
        with pytest.raises(InvalidFilter):
            parse(where)
    with pytest.raises(InvalidFilter, match="is a text"):
        parse({"type": {"$ne": 1}})  # type: ignore[arg-type]


def test_the_widest_filter_runs(kb: KnowledgeBase) -> None:
    where = " or ".join(f"k{i} == {i}" for i in range(256))
    assert kb.allowed(where).ids.tolist() == []
    assert len(kb.allowed("not (" + where + ")")) == len(kb.chunk_ids())
    many = "year in [" + ", ".join(str(n) for n in range(1000, 2300)) + "]"
    assert kb.allowed(many).ids.tolist() == expected(kb, parse("year in [2019, 2020]"))


@pytest.mark.parametrize("text", ["x' or '1'='1", 'x" or 1=1 --', "'; delete from chunks; --", "?", "%", "\\"])
def test_nothing_in_a_value_or_name_reaches_sql(kb: KnowledgeBase, text: str) -> None:
    import json

    before = len(kb.chunk_ids())
    quoted = json.dumps(text)
    assert kb.allowed(f"type == {quoted}").ids.tolist() == []
    assert kb.allowed(f"{quoted} == 1").ids.tolist() == []
    assert kb.allowed(f"source startswith {quoted}").ids.tolist() == []
    assert len(kb.chunk_ids()) == before


def test_dates_are_utc() -> None:
    test = parse("modified > '2024-05-01'").root
    assert isinstance(test, FieldTest)
    assert test.values == (dt.datetime(2024, 5, 1, tzinfo=dt.UTC).timestamp(),)
    assert math.isclose(parse("modified > '2024-05-01T02:00+02:00'").root.values[0], test.values[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wanted", [None, "type == 'text'", 'acl == "board"', "not acl in ['sales']", "exists(document)"]
)
def test_filters_joined_allow_what_both_allow(tmp_path, wanted):
    told = {"a": ["sales", "all"], "b": ["board"], "c": [], "d": []}
    readers = [(["sales"], {"a"}), (["board", "all"], {"a", "b"}), ([], set()), (['x") or (a == "'], set())]
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(8)) as kb:
        every = [(name, {"acl": acl} if acl else {}) for name, acl in told.items()]
        kb.add([Document.from_text(f"Otter {name}.", id=name, **fields) for name, fields in every])
        asked = None if wanted is None else parse(wanted)
        for groups, seen in readers:
            allowed = set(kb.document_ids(readable_by(groups).both(asked)))
            assert allowed == seen & set(kb.document_ids(asked))
        assert kb.document_ids() == sorted(told)


def test_a_prefix_may_hold_u0000(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "nul", embedder=HashingEmbedder(8), chunker="document") as kb:
        kb.add([Document("d", "Otters.", "s", metadata={"tag": "a\0b"}), Document("e", "Urchins.", "t")])
        for prefix, found in (("", ["d"]), ("a\\u0000", ["d"]), ("a\\u0000b", ["d"]), ("a\\u0000c", [])):
            assert kb.document_ids(f'tag startswith "{prefix}"') == found, prefix
