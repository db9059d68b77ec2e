"""Feedback over a real server: votes by principal, reviews by scope, and no document that a reader may not read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.server.app import application
from pipelines.server.collections import Keep, opened
from pipelines.server.guard import Access, Limits
from pipelines.server.principals import Principal, digest_of
from pipelines.server.public_ids import public_id
from rag import KnowledgeBase, PipelineConfig
from rag.feedback import Feedback, export
from rag.store import feedback_file

from .conftest import Client, Serve, running

ANN, BOB, ROOT, READER = (f"{name}-key-correct-horse" for name in ("ann", "bob", "root", "reader"))
ASKED = "What does the plan cost a month?"
FILES = {"sales": "The red plan costs nine euros a month.", "board": "The Xylophanter plan costs nine million a month."}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for group, text in FILES.items():
        (tmp_path / group).mkdir()
        (tmp_path / group / f"{group}.md").write_text(text)
        made = ["ingest", str(tmp_path / group), "--into", str(tmp_path / "kb"), "--embedder", "hashing-64"]
        assert run([*made, "--acl", group]) == 0
    return tmp_path / "kb"


class Readers:
    """Clients of one server, by key."""

    def __init__(self, url: str, ids: dict[str, str]) -> None:
        self.client, self.ids = Client(url), ids

    def ask(self, key: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        own = {"Authorization": f"Bearer {key}"} if key else {}
        status, _, data = self.client.send(method, path, body, **own)
        return status, json.loads(data)

    def answer(self, key: str) -> str:
        status, told = self.ask(key, "POST", "/v1/ask", {"question": ASKED})
        assert status == 200
        return str(told["feedback"])


def serving(stack: ExitStack, base: Path, keep: Keep = "answers", *, keys: bool = True) -> Readers:
    every = frozenset({"read", "feedback", "review"})
    known = {
        ANN: Principal("ann", frozenset({"sales"}), every),
        BOB: Principal("bob", frozenset({"board"}), every),
        ROOT: Principal("root", None, every),
        READER: Principal("reader", frozenset({"sales"}), frozenset({"read"})),
    }
    access = Access(keys={digest_of(key): one for key, one in known.items()}) if keys else Access()
    collections = stack.enter_context(opened([base], PipelineConfig.of, at_once=4, rights=keys, keep=keep))
    url = stack.enter_context(running(application(collections, access, Limits()), Limits()))
    with KnowledgeBase.open(base) as kb:
        return Readers(url, {Path(each).stem: public_id(each) for each in kb.document_ids()})


@pytest.fixture
def readers(base: Path) -> Iterator[Readers]:
    with ExitStack() as stack:
        yield serving(stack, base)


def test_a_reader_votes_corrects_and_withdraws(readers: Readers) -> None:
    name, span = readers.answer(ANN), {"document": readers.ids["sales"], "start": 4, "end": 12}
    said = {"answer": name, "vote": "down", "reason": "no", "correction": "nine", "spans": [span]}
    status, told = readers.ask(ANN, "POST", "/v1/feedback", said)
    expected = {**said, "spans": [{**span, "quote": "red plan"}]}
    assert (status, told) == (200, expected)
    assert readers.ask(ANN, "GET", f"/v1/feedback/{name}") == (200, expected)
    status, told = readers.ask(ANN, "POST", "/v1/feedback", {"answer": name, "vote": "withdraw"})
    assert (status, told["vote"], told["spans"]) == (200, None, [])


def test_every_way_of_asking_keeps_its_answer(readers: Readers) -> None:
    chat = {"messages": [{"role": "user", "content": ASKED}]}
    _, told = readers.ask(ANN, "POST", "/v1/chat/completions", chat)
    names = [readers.answer(ANN), told["rag"]["feedback"]]
    for path, body in (
        ("/v1/ask", {"question": ASKED, "stream": True}),
        ("/v1/chat/completions", {**chat, "stream": True}),
    ):
        _, _, data = readers.client.send("POST", path, body, Authorization=f"Bearer {ANN}")
        lines = [line[6:] for line in data.decode().splitlines() if line.startswith("data: {")]
        found = [each.get("rag", each).get("feedback") for each in map(json.loads, lines)]
        names += [each for each in found if each]
    assert len(set(names)) == 4
    for name in names:
        assert readers.ask(ANN, "POST", "/v1/feedback", {"answer": name, "vote": "up"})[0] == 200


def test_an_answer_of_another_reader_is_as_a_missing_one(readers: Readers) -> None:
    name = readers.answer(ANN)
    for method, path, body in (
        ("POST", "/v1/feedback", {"answer": "{}", "vote": "up"}),
        ("POST", "/v1/feedback", {"answer": "{}", "vote": "withdraw"}),
        ("GET", "/v1/feedback/{}", None),
    ):
        told = []
        for key, own in ((BOB, name), (ROOT, name), (ANN, "0" * 32)):
            sent = body if body is None else {**body, "answer": own}
            told.append(readers.ask(key, method, path.format(own), sent))
        assert told[0] == told[1] == told[2]
        assert told[0][0] == 404


def test_scopes_are_needed(readers: Readers) -> None:
    name = readers.answer(ANN)
    for key, expected in ((READER, 403), ("", 401)):
        for method, path, body in (
            ("POST", "/v1/feedback", {"answer": name, "vote": "up"}),
            ("GET", f"/v1/feedback/{name}", None),
            ("GET", "/v1/feedback-review", None),
            ("POST", "/v1/feedback-review", {"answer": name, "verdict": "reject"}),
        ):
            assert readers.ask(key, method, path, body)[0] == expected


@pytest.mark.parametrize("foreign", [True, False])
def test_a_span_of_a_document_that_may_not_be_read_is_as_of_a_missing_one(readers: Readers, *, foreign: bool) -> None:
    name = readers.answer(ANN)
    document = readers.ids["board"] if foreign else "0" * 24
    sent = {"answer": name, "vote": "down", "spans": [{"document": document, "start": 0, "end": 5}]}
    status, told = readers.ask(ANN, "POST", "/v1/feedback", sent)
    assert status == 404
    assert told["error"]["message"].replace(document, "ID") == "there is no document 'ID'; search gives the ids"


WRONG: list[dict[str, Any]] = [
    {"vote": "sideways"},
    {"vote": "up", "reason": "x" * 2_001},
    {"vote": "up", "correction": "x" * 20_001},
    {"vote": "up", "spans": [{"start": 5, "end": 5}]},
    {"vote": "up", "spans": [{"start": 0, "end": 10_000}]},
    {"vote": "up", "spans": [{"start": -1, "end": 5}]},
    {"vote": "up", "spans": [{"start": 0, "end": 5}] * 21},
    {"vote": "up", "grade": 0},
    {},
]


def test_what_cannot_be_kept_is_a_400(readers: Readers) -> None:
    name = readers.answer(ANN)
    for wrong in WRONG:
        spans = [{"document": readers.ids["sales"], **span} for span in wrong.get("spans", ())]
        sent = {"answer": name, **wrong, **({"spans": spans} if spans else {})}
        assert readers.ask(ANN, "POST", "/v1/feedback", sent)[0] == 400, wrong
    assert readers.ask(ANN, "GET", f"/v1/feedback/{name}")[1]["vote"] is None


def test_a_reviewer_sees_and_judges_what_the_reviewer_may_read(readers: Readers, base: Path) -> None:
    names = {key: readers.answer(key) for key in (ANN, BOB, ROOT)}
    for key, name in names.items():
        assert readers.ask(key, "POST", "/v1/feedback", {"answer": name, "vote": "up"})[0] == 200
    seen = {}
    for key in names:
        status, told = readers.ask(key, "GET", "/v1/feedback-review")
        assert (status, told["to_review"]) == (200, len(told["rows"]))
        seen[key] = {row["answer"] for row in told["rows"]}
        assert ("xylophanter" in json.dumps(told).lower()) == (key != ANN)
        assert str(base.parent) not in json.dumps(told)
    assert seen == {ANN: {names[ANN]}, BOB: {names[BOB]}, ROOT: set(names.values())}  # Root's was made of both
    (row,) = readers.ask(ANN, "GET", "/v1/feedback-review")[1]["rows"]
    assert row["proposed"]["spans"][0]["document"] == readers.ids["sales"]
    spans = [{name: span[name] for name in ("document", "start", "end")} for span in row["proposed"]["spans"]]
    verdict = {"answer": names[ANN], "verdict": "accept", "spans": spans}
    assert readers.ask(BOB, "POST", "/v1/feedback-review", verdict)[0] == 404
    foreign = {**verdict, "answer": names[BOB]}
    assert readers.ask(ANN, "POST", "/v1/feedback-review", foreign)[0] == 404
    assert readers.ask(ANN, "POST", "/v1/feedback-review", verdict) == (
        200,
        {"answer": names[ANN], "state": "accepted"},
    )
    rejected = {"answer": names[ROOT], "verdict": "reject"}
    assert readers.ask(ROOT, "POST", "/v1/feedback-review", rejected)[1]["state"] == "rejected"
    assert readers.ask(ROOT, "POST", "/v1/feedback-review", {"answer": names[BOB], "verdict": "accept"})[0] == 400
    with KnowledgeBase.open(base) as kb, Feedback.open(kb) as feedback:
        assert [each.id for each in export(feedback, kb).questions] == [names[ANN]]


def test_earlier_turns_are_shown_to_reviewers_of_everything_alone(base: Path) -> None:
    with ExitStack() as stack:
        readers = serving(stack, base, "histories")
        turns = [
            {"role": "user", "content": "And the plan?"},
            {"role": "assistant", "content": "Xylophanter, he said."},
        ]
        told = readers.ask(ANN, "POST", "/v1/ask", {"question": ASKED, "history": turns})[1]
        assert readers.ask(ANN, "POST", "/v1/feedback", {"answer": told["feedback"], "vote": "up"})[0] == 200
        assert "Xylophanter" in json.dumps(readers.ask(ROOT, "GET", "/v1/feedback-review")[1])
        assert readers.ask(ANN, "GET", "/v1/feedback-review")[1]["rows"] == []
        verdict = {"answer": told["feedback"], "verdict": "reject"}
        assert readers.ask(ANN, "POST", "/v1/feedback-review", verdict)[0] == 404


def test_a_server_without_feedback_keeps_nothing_and_says_how(base: Path, serve: Serve) -> None:
    client = serve()
    assert "feedback" not in client.post("/v1/ask", {"question": ASKED})[1]
    status, told = client.post("/v1/feedback", {"answer": "0" * 32, "vote": "up"})
    assert status == 404
    assert "--feedback" in told["error"]["message"]
    assert not (base / "feedback.sqlite").exists()


@pytest.mark.parametrize(("keep", "kept"), [("answers", []), ("histories", ["What of plans?"])])
def test_histories_are_kept_on_request(base: Path, keep: Keep, kept: list[str]) -> None:
    with ExitStack() as stack:
        readers = serving(stack, base, keep, keys=False)
        asked = {"question": ASKED, "history": [{"role": "user", "content": "What of plans?"}]}
        name = readers.client.post("/v1/ask", asked)[1]["feedback"]
        assert readers.client.post("/v1/feedback", {"answer": name, "vote": "up"})[0] == 200
    with Feedback.open(base) as feedback:
        assert [turn.content for turn in feedback.row(name).history] == kept


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_file, "WAIT_MS", 50)
    with ExitStack() as stack:
        readers = serving(stack, base)
        other = stack.enter_context(Feedback.open(base))
        with other._writing():
            status, told = readers.ask(ANN, "POST", "/v1/ask", {"question": ASKED})
            assert (status, "feedback" in told) == (200, False)
        assert readers.answer(ANN)
