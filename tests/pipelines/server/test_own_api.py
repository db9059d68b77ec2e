"""The API over a real server: answers as the library gives them, with public ids, and models that are stopped."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.server import app as app_module
from rag import Bot, Document, KnowledgeBase

from .conftest import Serve

QUESTION = "At how many degrees is green tea steeped?"


def events(data: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in data.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_an_answer_is_the_librarys_with_public_ids(serve: Serve, base: Path) -> None:
    client = serve()
    status, told = client.post("/v1/ask", {"question": QUESTION})
    with Bot.open(base) as bot:
        own = bot.ask(QUESTION)
    assert (status, told["answer"]) == (200, own.text)
    assert [each["quote"] for each in told["citations"]] == [each.quote for each in own.citations]
    assert told["citations"][0]["source"] == "tea.md"
    assert "secret-folder" not in json.dumps(told)
    _, document = client.get(f"/v1/documents/{told['citations'][0]['document']}")
    cited = told["citations"][0]
    assert document["text"][cited["start"] : cited["end"]] == cited["quote"]
    assert "secret-folder" not in json.dumps(document)


@pytest.mark.parametrize("how", ["stream", "accept"])
def test_a_streamed_answer_is_its_pieces_and_then_the_whole(serve: Serve, how: str) -> None:
    client = serve(lambda _: "Green tea is steeped at 80 degrees [1]. Black tea takes boiling water [1].")
    asked = {"question": QUESTION, **({"stream": True} if how == "stream" else {})}
    status, heads, data = client.send(
        "POST", "/v1/ask", asked, **({} if how == "stream" else {"Accept": "text/event-stream"})
    )
    assert (status, heads["content-type"].partition(";")[0]) == (200, "text/event-stream")
    *pieces, (name, answer) = events(data)
    assert name == "answer"
    assert {piece for piece, _ in pieces} == {"text"}
    assert "".join(piece["text"] for _, piece in pieces) == answer["answer"]
    assert len(pieces) == 2


def test_history_reaches_the_model(serve: Serve) -> None:
    seen = []

    def model(prompt: str) -> str:
        seen.append(prompt)
        return "Black tea takes boiling water [1]."

    turns = [{"role": "user", "content": "Tell me of pineapples."}, {"role": "assistant", "content": "They are sour."}]
    status, _ = serve(model).post("/v1/ask", {"question": QUESTION, "history": turns})
    assert status == 200
    assert "pineapples" in seen[0]


def test_search_and_explain_and_status(serve: Serve, base: Path) -> None:
    client = serve()
    status, found = client.post("/v1/search", {"question": QUESTION, "k": 1})
    assert (status, len(found["passages"]), found["passages"][0]["source"]) == (200, 1, "tea.md")
    status, why = client.post("/v1/explain", {"question": QUESTION, "k": 1})
    assert status == 200
    assert why["passages"][0]["document"] == found["passages"][0]["document"]
    status, told = client.get("/v1/status")
    assert (status, told["knowledge_bases"][0]["documents"]) == (200, 2)
    assert client.get("/health") == (200, {"status": "ok"})
    assert "secret-folder" not in json.dumps([found, why, told])
    assert str(base) not in json.dumps([found, why, told])


def test_the_description_is_complete_and_loads_nothing_from_elsewhere(serve: Serve) -> None:
    client = serve()
    status, told = client.get("/openapi.json")
    assert status == 200
    assert {"/v1/ask", "/v1/search", "/v1/explain", "/v1/status", "/health", "/v1/chat/completions"} <= set(
        told["paths"]
    )
    assert client.get("/docs")[0] == client.get("/redoc")[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/ask", {"question": " "}, 400, "the question is empty"),
        ("/v1/search", {"question": "tea", "where": "type =="}, 400, "type =="),
        ("/v1/search", {"question": "tea", "k": 0}, 400, "k"),
        ("/v1/search", {"question": "tea", "kb": "none"}, 404, "there are: drinks"),
        ("/v1/search", {"question": "tea", "colour": "red"}, 400, "colour"),
        ("/v1/search", {"question": "tea", "colour": "red"}, 400, "colour: there is no such field"),
        ("/v1/search", {}, 400, "question: this field is missing"),
        (
            "/v1/ask",
            {"question": "tea", "history": [{"role": "user"}]},
            400,
            "history.0.content: this field is missing",
        ),
        ("/v1/embeddings", {"input": []}, 400, "input: "),
        ("/v1/search", b"{", 400, "the body is not JSON: "),
        ("/v1/search", b"[]", 400, "the body must be a JSON object"),
        ("/v1/search", b"", 400, "the body must be a JSON object"),
        ("/v1/nothing", {}, 404, "no such path"),
        ("/v1/status", {}, 405, "Allow"),
    ],
)
def test_errors_say_what_the_command_line_says(serve: Serve, path: str, body: Any, status: int, words: str) -> None:
    got, told = serve().post(path, body)
    assert got == status
    assert words in told["error"]["message"]


def test_a_body_of_another_type_is_told_which_to_send(serve: Serve) -> None:
    status, told = serve().post("/v1/search", {"question": "tea"}, Content_Type="text/plain")
    assert (status, "Content-Type: application/json" in told["error"]["message"]) == (400, True)


def test_a_method_that_a_path_does_not_take_is_told_which_it_takes(serve: Serve) -> None:
    status, heads, _ = serve().send("PUT", "/v1/ask")
    assert (status, heads["allow"]) == (405, "POST")


@pytest.mark.parametrize("wrong", [{"question": " "}, {"question": "tea", "where": "type =="}])
def test_a_stream_that_cannot_begin_is_an_error_as_others_are(serve: Serve, wrong: dict[str, Any]) -> None:
    status, told = serve().post("/v1/ask", {**wrong, "stream": True})
    assert (status, told["error"]["code"]) == (400, 400)


CHAT = '{"messages": [{"role": "user", "content": %s}]%s}'
HOSTILE = [
    *[
        ("/v1/search", body)
        for body in ("[" * 100_000, "", "null", "[]", '{"question": NaN}', '{"question": "\\ud800"}')
    ],
    *[("/v1/search", f'{{"question": "tea", "k": {k}}}') for k in ("1e400", "9" * 30, "-1", '"x"')],
    *[
        ("/v1/search", f'{{"question": "tea", "where": "{where}"}}')
        for where in ("", "(" * 5000, "\\u0000", "page > 1e999")
    ],
    ("/v1/ask", '{"question": "tea", "history": [{"role": "system", "content": "x"}]}'),
    *[
        ("/v1/chat/completions", CHAT % (said, ""))
        for said in ('"\\ud800"', "null", "[]", "{}", "[[]]", '[{"type": 1}]')
    ],
    ("/v1/chat/completions", CHAT % ('"tea"', ', "model": "\\ud800"')),
    ("/v1/chat/completions", CHAT % ('"\\ud800"', ', "stream": true')),
]


def test_what_makes_no_sense_is_the_clients_fault(serve: Serve) -> None:
    client = serve()
    for path, body in HOSTILE:
        status, told = client.post(path, body.encode())
        assert 400 <= status < 500, (path, body[:100], told)
        assert told["error"]["message"]


def test_an_error_inside_tells_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve()

    def broken(*_: object, **__: object) -> None:
        raise ValueError("the key is sk-canary-1")

    monkeypatch.setattr("rag.retrieval.retriever.Retriever.search_many", broken)
    status, _, data = client.send("POST", "/v1/search", {"question": "tea"})
    assert status == 500
    assert b"canary" not in data
    assert b"Traceback" not in data
    assert json.loads(data)["error"]["type"] == "internal"


def test_more_questions_than_are_answered_at_a_time_are_told_to_come_again(serve: Serve) -> None:
    begun, release = threading.Event(), threading.Event()

    def stalled(_: str) -> str:
        begun.set()
        release.wait(60)
        return "Green tea is steeped at 80 degrees [1]."

    client, first = serve(stalled, at_once=1), []
    thread = threading.Thread(target=lambda: first.append(client.post("/v1/ask", {"question": QUESTION})))
    thread.start()
    assert begun.wait(60)
    status, heads, data = client.send("POST", "/v1/ask", {"question": QUESTION})
    assert (status, heads["retry-after"]) == (503, "1")
    assert b"1 questions are being answered" in data
    assert events(client.send("POST", "/v1/ask", {"question": QUESTION, "stream": True})[2])[0][0] == "error"
    release.set()
    thread.join(60)
    assert first[0][0] == 200


class Endless:
    """Thinks aloud for ever; knows how often it has been asked for more."""

    def __init__(self) -> None:
        self.said = 0

    def __call__(self, prompt: str) -> Iterator[str]:
        while True:
            self.said += 1
            yield " "
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ask", {"question": QUESTION}),
        ("/v1/ask", {"question": QUESTION, "stream": True}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": QUESTION}]}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": QUESTION}], "stream": True}),
    ],
)
def test_who_leaves_stops_the_model(serve: Serve, path: str, body: dict[str, Any]) -> None:
    model = Endless()
    client = serve(model)
    connection = client.connect()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    until = time.monotonic() + 60
    while model.said < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert model.said >= 3
    connection.close()
    stopped = False
    while not stopped and time.monotonic() < until:
        before = model.said
        time.sleep(0.2)
        stopped = model.said == before
    assert stopped


def test_what_is_written_meanwhile_is_found(serve: Serve, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "REFRESH_S", 0.05)
    client = serve()
    with KnowledgeBase.open(base, mode="w") as kb:
        kb.add([Document.from_text("Okapis live in the Ituri rainforest.", id="okapi")])
    until = time.monotonic() + 60
    while time.monotonic() < until:
        _, found = client.post("/v1/search", {"question": "Where do okapis live?", "k": 1})
        if "Ituri" in found["passages"][0]["text"]:
            break
    with KnowledgeBase.open(base, mode="w") as kb:
        kb.remove("okapi")
    assert "Ituri" in found["passages"][0]["text"]
