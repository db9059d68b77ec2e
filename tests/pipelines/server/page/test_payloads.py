"""120 payloads wherever text comes from: nothing runs, no request leaves, and no address but the web's is a link."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chromium import Tab, counted
from payloads import PAYLOADS, armed

from pipelines.cli import run
from pipelines.server.app import application
from pipelines.server.collections import Collection, Collections
from pipelines.server.guard import Access, Limits
from rag import Bot, KnowledgeBase

from ..conftest import running

pytestmark = pytest.mark.slow


class Canary:
    """A server that must hear nothing; it notes the path of each request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[str] = []


@contextmanager
def listening_canary() -> Iterator[Canary]:
    class Hears(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in {"/", "/favicon.ico"}:
                made.heard.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            with suppress(OSError):  # nobody waits for it any more
                self.end_headers()
                self.wfile.write(b"<!doctype html><body></body>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hears)
    made = Canary(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with listening_canary() as made:
        yield made


def harmless(tab: Tab, canary: Canary) -> None:
    """Nothing ran, nothing was even tried: a refused load would be on the console."""
    found = tab.page.evaluate(
        """() => ({
          pwned: window.pwned ?? Object.prototype.pwned ?? null,
          links: [...document.querySelectorAll("[href], [src], [action], [formaction], [data]")]
            .filter((each) => each.closest("body"))
            .map((each) => each.getAttribute("href") ?? each.getAttribute("src") ?? "?")
            .filter((each) => !/^(https?:|blob:|#question$)/.test(each)),
          tags: document.body.querySelectorAll(
            "script, iframe, object, embed, style, link, meta, base, svg, video, audio, math").length,
          pictures: [...document.querySelectorAll("img")].filter((each) => !each.closest(".sheet")).length,
          listeners: [...document.body.querySelectorAll("*")]
            .filter((each) => [...each.attributes].some((own) => own.name.startsWith("on"))).length,
        })"""
    )
    assert found == {"pwned": None, "links": [], "tags": 0, "pictures": 0, "listeners": 0}
    assert tab.dialogs == []
    assert tab.elsewhere == []
    assert tab.said == []
    assert canary.heard == []


INSERTED = """text => new Promise((resolve) => {
  window.pwned = null;
  document.body.innerHTML = text;
  setTimeout(() => resolve(Boolean(window.pwned) || document.querySelector("a[href]")?.protocol === "javascript:"), 30);
})"""


def test_the_payloads_are_live_where_nothing_guards(browser: Any) -> None:
    """On a page that takes them for markup most of them run or call out; else this file would show nothing."""
    sync_api = pytest.importorskip("playwright.sync_api")
    fired = set()
    with listening_canary() as own:
        page = browser.new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        for at, payload in enumerate(armed(own.url)[::3]):
            arrived = False
            while not arrived:  # the payload before may be leading the page elsewhere
                with suppress(sync_api.Error):
                    page.goto(own.url)
                    arrived = True
            heard = len(own.heard)
            try:
                ran = page.evaluate(INSERTED, payload)
            except sync_api.Error:  # it has led the page elsewhere
                ran = True
            if ran or len(own.heard) > heard:
                fired.add(at)
        page.close()
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 120
    assert len(fired) > 6  # 13 to 20 of 40 on a machine with nothing else to do


# ---- from real documents, by a real server


def threes(canary: Canary) -> list[tuple[str, str, str]]:
    """Three payloads a document: the server that lies, below, has every one of them in every field."""
    payloads = armed(canary.url)
    return list(zip(payloads[::3], payloads[1::3], payloads[2::3], strict=True))


def file_name(number: int, payload: str) -> str:
    kept = "".join("_" if each in "/\0\n\r" else each for each in payload)
    return f"{number:03d} {kept}".encode()[:180].decode("utf-8", "ignore") + ".md"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, canary: Canary) -> Path:
    folder = tmp_path_factory.mktemp("payloads")
    (folder / "docs").mkdir()
    for number, (one, two, three) in enumerate(threes(canary)):
        line = " ".join(two.split())
        facts = {"title": one, "author": two, "url": three, f"field {line[:40]}": one}
        front = "".join(f"{json.dumps(key)}: {json.dumps(value)}\n" for key, value in facts.items())
        told = f"The zorb{number:03d} lives in the hollow oak, {one} {two} {three} they say."
        text = f"---\n{front}---\n# Chapter {line}\n\n{told}\n"
        (folder / "docs" / file_name(number, three)).write_text(text, encoding="utf-8")
    assert run(["ingest", str(folder / "docs"), "--into", str(folder / "kb"), "--embedder", "hashing-64"]) == 0
    return folder / "kb"


def test_documents_names_metadata_and_models_can_do_nothing(browser: Any, base: Path, canary: Canary) -> None:
    now = {"payload": "", "number": 0}

    def model(_: str) -> str:
        return f"The zorb{now['number']:03d} lives in the hollow oak [1]. {now['payload']} It is so [1]."

    with ExitStack() as stack:
        kb = stack.enter_context(KnowledgeBase.open(base))
        assert len(kb.document_ids()) == 40
        bot = stack.enter_context(Bot(kb, model))
        app = application(Collections([Collection.of("kb", bot)], [kb]), Access(), Limits())
        tab = Tab(browser, stack.enter_context(running(app, Limits())))
        stack.callback(tab.close)
        tab.open()
        opened = 0
        for number, payload in enumerate(map(" ".join, threes(canary))):
            now.update(payload=payload, number=number)
            if number % 12 == 0:
                tab.page.get_by_role("button", name="New conversation").click()
                tab.asked = 0
            turn = tab.ask(f"Where does the zorb{number:03d} live? {payload}")
            if turn.locator(".cite").count():
                turn.locator(".cite").first.hover()
                turn.locator(".cite").first.click()
                tab.page.locator("#viewer mark").wait_for()
                opened += 1
                tab.page.keyboard.press("Escape")
            harmless(tab, canary)
        assert opened > 33
        tab.page.get_by_role("button", name="Filter").click()
        harmless(tab, canary)
        tab.page.keyboard.press("Escape")
        tab.open()
        harmless(tab, canary)


# ---- from a server that lies in every field


def forged(payloads: list[str]) -> dict[str, Any]:
    """An answer of which every text is a payload."""

    def found(at: int, payload: str) -> dict[str, Any]:
        fields = dict.fromkeys(("source", "title", "type", "quote", "text", "url", "document"), payload)
        return {
            **fields,
            "n": at + 1,
            "start": 0,
            "end": 5,
            "chunk": at,
            "heading": [payload, payload],
            "page": payload if at % 2 else None,
            "rows": [payload, payload] if at % 3 else None,
            "time": None,
            "metadata": {"url": payload, payload: payload},
        }

    every = [found(at, payload) for at, payload in enumerate(payloads)]
    text = " ".join(f"{payload} [{at + 1}]" for at, payload in enumerate(payloads))
    wrong = [
        {"text": payload, "verdict": "unsupported", "support": 0, "citations": [], "problem": payload}
        for payload in payloads
    ]
    return {
        "question": payloads[0],
        "searched": payloads[1],
        "answer": text,
        "abstained": False,
        "degraded": True,
        "incomplete": True,
        "reason": " ".join(payloads),
        "support": 0.5,
        "calibrated": False,
        "threshold": None,
        "sentences": wrong,
        "citations": every,
        "passages": [{**each, "chunk": 1000 + each["n"]} for each in every],
        "checks": {},
        "generator": payloads[0],
        "timings": {"total": 1.0},
        "notes": payloads,
        "feedback": payloads[3],
    }


def explanation(payloads: list[str]) -> dict[str, Any]:
    hit = [{"rank": 1, "document": each, "score": 1.0, "adds": 1.0, "chunk": 1} for each in payloads]
    return {
        "rewriting": [
            {
                "name": each,
                "changed": True,
                "text": each,
                "variants": [{"text": each}],
                "terms": [[each, 1]],
                "note": each,
            }
            for each in payloads
        ],
        "queries": [{"text": each, "weight": 1.0, "terms": [each], "hits": [[each, hit[:3]]]} for each in payloads],
        "passages": [
            {
                "rank": 1,
                "document": each,
                "hits": [[each, hit[0]]],
                "fused": 1.0,
                "reranked": [[each, 1.0]],
                "score": 1.0,
            }
            for each in payloads
        ],
        "fusion": payloads[0],
        "dropped": [[1, each, each] for each in payloads],
        "notes": payloads,
        "seconds": [[each, 0.1] for each in payloads],
        "pipeline": {"digest": payloads[2]},
    }


def reviewed(payloads: list[str]) -> dict[str, Any]:
    spans = [{"document": each, "start": 0, "end": 1, "quote": each, "source": each} for each in payloads]
    texts = dict.fromkeys(
        ("answer", "vote", "reason", "correction", "question", "searched", "text", "why"), payloads[6]
    )
    proposed = {"spans": spans[:40], "answers": payloads, "unanswerable": False}
    return {
        **texts,
        "spans": spans[40:80],
        "passages": spans[80:],
        "proposed": proposed,
        "lost": payloads[7],
        "history": [],
    }


def listed(payload: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("id", "title", "source", "type"), payload),
        "characters": 1,
        "modified": None,
        "metadata": {},
    }


def uploaded(payloads: list[str]) -> dict[str, Any]:
    failures = [{"source": each, "reason": each, "detail": each, "skipped": False} for each in payloads]
    counts = dict.fromkeys(("added", "changed", "unchanged", "chunks"), 1)
    account = {"held": 9, "left_out": dict.fromkeys(payloads, 1), "unaccounted": 1}
    remarks = [{"source": each, "remark": each} for each in payloads]
    return {**counts, "failures": failures, "account": account, "remarks": remarks}


def test_a_server_that_lies_in_every_field_can_do_nothing(browser: Any, base: Path, canary: Canary) -> None:
    payloads = armed(canary.url)
    with ExitStack() as stack:
        kb = stack.enter_context(KnowledgeBase.open(base))
        bot = stack.enter_context(Bot(kb))
        app = application(Collections([Collection.of("kb", bot)], [kb]), Access(), Limits())
        tab = Tab(browser, stack.enter_context(running(app, Limits())))
        stack.callback(tab.close)
        names = [{"name": each, "documents": 1, "chunks": 1, "generator": each} for each in payloads]
        document = {"id": "x", "title": "x", "source": "x", "type": "md", "text": "\n".join(payloads), "metadata": {}}
        said = json.dumps(forged(payloads))
        answers: dict[str, Any] = {
            "/v1/status": {"knowledge_bases": names},
            "/v1/page": {"uploads": payloads, "review": payloads, "reports": True},
            "/v1/explain": explanation(payloads),
            "/v1/reports": {
                "reports": [
                    {"id": each, "title": each, "kind": each, "modified": "2026-01-01T00:00:00+00:00"}
                    for each in payloads
                ]
            },
            "/v1/feedback": {
                "answer": payloads[0],
                "vote": "down",
                "reason": payloads[6],
                "correction": payloads[7],
                "spans": [],
            },
        }

        answers["/v1/feedback-review"] = {"to_review": 1, "rows": [reviewed(payloads)]}
        answers["/v1/documents"] = {"documents": [listed(each) for each in payloads], "total": 120, "after": None}
        ended = {
            "id": "j",
            "state": "done",
            "files": payloads,
            "progress": {},
            "report": uploaded(payloads),
            "error": None,
        }

        def answer(route: Any) -> None:
            path = "/" + route.request.url.split("/", 3)[3].partition("?")[0]
            if path == "/v1/ask":
                sent = (
                    f"event: text\ndata: {json.dumps({'text': ' '.join(payloads)})}\n\nevent: answer\ndata: {said}\n\n"
                )
                route.fulfill(status=200, content_type="text/event-stream", body=sent)
            elif path == "/v1/jobs/j/events":
                told = f"event: done\ndata: {json.dumps({'job': ended})}\n\n"
                route.fulfill(status=200, content_type="text/event-stream", body=told)
            elif path == "/v1/documents" and route.request.method == "POST":
                route.fulfill(status=202, content_type="application/json", body=json.dumps({"job": ended}))
            elif path in answers:
                route.fulfill(status=200, content_type="application/json", body=json.dumps(answers[path]))
            elif route.request.method == "POST" and path.startswith("/v1/reports/"):
                route.fulfill(
                    status=200, content_type="application/json", body=json.dumps({"url": f"javascript:{canary.url}"})
                )
            elif path.startswith("/v1/documents/"):
                route.fulfill(status=200, content_type="application/json", body=json.dumps(document))
            else:
                route.continue_()

        tab.page.route("**/*", answer)
        tab.open()
        turn = tab.ask("What?")
        for summary in turn.locator("summary").all():
            summary.click()
        counted(turn.locator(".card"), 240)
        harmless(tab, canary)
        assert all(each.startswith("http") for each in hrefs(tab))
        for at in (0, 60, 119):
            turn.locator(".cite").nth(at).hover()
            turn.locator(".cite").nth(at).click()
            tab.page.locator("#viewer .document").wait_for()
            harmless(tab, canary)
            tab.page.keyboard.press("Escape")
        turn.get_by_role("button", name="Bad answer").click()
        turn.get_by_label("The right answer").wait_for()
        harmless(tab, canary)
        turn.get_by_role("button", name="Explain").click()
        tab.page.locator(".bars").wait_for()
        harmless(tab, canary)
        tab.page.keyboard.press("Escape")
        tab.page.get_by_role("button", name="Review feedback").click()
        tab.page.locator(".review").wait_for()
        harmless(tab, canary)
        tab.page.keyboard.press("Escape")
        tab.page.get_by_role("button", name="Documents", exact=True).click()
        tab.page.locator(".document-row").nth(119).wait_for()
        harmless(tab, canary)
        tab.page.keyboard.press("Escape")
        tab.page.get_by_role("button", name="Add documents").click()
        files = [{"name": each, "mimeType": "text/plain", "buffer": b"x"} for each in payloads[:20]]
        tab.page.get_by_label("Drop files").set_input_files(files)
        tab.page.locator(".job .failures").wait_for()
        harmless(tab, canary)
        tab.page.keyboard.press("Escape")
        tab.page.get_by_role("button", name="Reports").click()
        tab.page.get_by_role("dialog").locator(".card-open").first.click()
        tab.page.get_by_text("the server gave no address of a report").wait_for()
        harmless(tab, canary)
        tab.page.keyboard.press("Escape")
        tab.open()
        harmless(tab, canary)


def hrefs(tab: Tab) -> list[str]:
    places = "[...document.querySelectorAll('a[href]:not(.skip)')].map((each) => each.href)"
    found: list[str] = tab.page.evaluate(places)
    return found
