"""A chat server that misbehaves in every way we could think of, each with and without streaming."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from misbehaving import DONE, STREAM, Server, drip, event, head, http, streamed, whole
from timing import tried

from rag import Budget, Choice, InvalidInput, JsonSchema, Message, Regex, Sampling, language_model
from rag.background import Cancellation
from rag.errors import (
    BudgetExceeded,
    ConstraintUnmet,
    LLMBadResponse,
    LLMRefused,
    LLMTimeout,
    LLMUnavailable,
    LLMUnsupported,
)
from rag.llm.backends import bounded_http, retries
from rag.llm.backends.retries import retry_after
from rag.llm.language_model import Completion

ASK = [Message("system", "Be brief."), Message("user", "Who was Ada?")]
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(autouse=True, scope="module")
def _imported():
    """Import the client before a clock runs."""
    language_model("openai:tiny", base_url="http://127.0.0.1:9/v1")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.02)


def model(at, **options):
    return language_model("openai:tiny", base_url=at if isinstance(at, str) else at.url, **options)


def ask(at, stream, *, deadline=20.0, sampling=None, constraint=None, **options) -> Completion:
    with model(at, **options) as llm:
        if not stream:
            return llm.complete(ASK, deadline=deadline, sampling=sampling, constraint=constraint)
        pieces = llm.stream(ASK, deadline=deadline, sampling=sampling, constraint=constraint)
        text = "".join(pieces)
        assert pieces.completion.text == text
        return pieces.completion


def escaped(text: str) -> bytes:
    """An event in pure ASCII, as most servers write JSON."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def good(stream: bool) -> bytes:
    return streamed("Hel", "lo") if stream else whole("Hello")


class TestGoodAnswers:
    @both
    def test_text_tokens_and_one_request(self, server, stream):
        server.replies = [good(stream)]
        answer = ask(server, stream, api_key="sk-secret-key")
        assert (answer.text, answer.incomplete, answer.usage.calls) == ("Hello", False, 1)
        path, headers, body = server.requests[0]
        assert path == "/v1/chat/completions"
        assert headers["authorization"] == "Bearer sk-secret-key"
        assert body["messages"] == [{"role": m.role, "content": m.content} for m in ASK]
        assert bool(body.get("stream")) is stream
        if not stream:
            assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 2)

    def test_sampling_goes_by_the_servers_names_and_what_it_lacks_is_refused_by_name(self, server):
        server.replies = [whole()]
        wanted = Sampling(
            temperature=0.5, top_k=9, top_p=0.9, min_p=0.1, repetition_penalty=1.2, seed=7, stop=("x",), max_tokens=5
        )
        ask(server, stream=False, server="llamacpp", sampling=wanted)
        sent = server.requests[0][2]
        names = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed", "stop", "max_tokens")
        assert [sent[name] for name in names] == [0.5, 9, 0.9, 0.1, 1.2, 7, ["x"], 5]
        for option in ("top_k", "min_p", "repetition_penalty"):
            with pytest.raises(LLMUnsupported, match=f"cannot do {option}"):
                ask(server, stream=False, sampling=Sampling(**{option: 1}))
        with pytest.raises(LLMUnsupported, match="cannot do a regex"):
            ask(server, stream=False, constraint=Regex("a+"))
        assert len(server.requests) == 1

    def test_n_answers_by_one_request_or_by_several_counted_each(self, server):
        server.replies = [whole("a"), whole("b"), whole("c")]
        answer = ask(server, stream=False, sampling=Sampling(n=3, seed=5, temperature=1.0))
        assert answer.texts == ("a", "b", "c")
        assert answer.usage.calls == len(server.requests) == 3
        assert [body["seed"] for _, _, body in server.requests] == [5, 6, 7]
        with pytest.raises(LLMBadResponse, match="n=2 answers, got 1"):
            ask(server, stream=False, server="vllm", sampling=Sampling(n=2))

    @pytest.mark.parametrize("n", [1, 3])
    def test_a_blocking_call_is_ended_from_another_thread(self, server, n):
        server.replies = [[head(), 60.0]]
        cancel, raised = Cancellation(), []

        def wait():
            with pytest.raises(LLMTimeout) as error:
                model(server).complete(ASK, sampling=Sampling(n=n), cancel=cancel)
            raised.append(error.value)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not server.requests:
            time.sleep(0.01)
        cancel()
        waiting.join(30)
        assert "cancelled" in str(raised[0])
        assert len(server.requests) == 1

    def test_async_answers_do_not_block_the_loop_and_can_be_cancelled(self, server):
        beaten = threading.Event()

        def late():
            beaten.wait(20)  # if the loop stands still, it does not beat before the answer
            yield whole("Hello")

        server.replies = [late(), [STREAM, event("Hel"), event("lo"), DONE], [60.0]]

        async def main():
            with model(server) as llm:

                async def beat():
                    for _ in range(3):
                        await asyncio.sleep(0.02)
                    beaten.set()

                heart = asyncio.create_task(beat())
                assert (await llm.acomplete(ASK, deadline=60)).text == "Hello"
                assert heart.done()
                pieces = [piece async for piece in llm.astream(ASK)]
                assert pieces[:2] == ["Hel", "lo"]
                assert pieces[2].text == "Hello"
                start = time.monotonic()
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(llm.acomplete(ASK), 0.3)
                assert time.monotonic() - start < 20

        asyncio.run(main())

    def test_many_conversations_at_once_come_back_in_order(self, server):
        server.replies = [whole("same")]
        with model(server) as llm:
            answers = llm.complete_many([ASK] * 6)
        assert [answer.text for answer in answers] == ["same"] * 6
        assert len(server.requests) == 6

    def test_a_closed_stream_ends_the_request(self, server):
        server.replies = [[STREAM, event("Hel"), 30.0, event("lo")]]
        with model(server) as llm, llm.stream(ASK) as pieces:
            assert next(pieces) == "Hel"


class TestNoConnection:
    @both
    def test_refused(self, stream):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # nobody else can take the port, and nobody listens on it
            start = time.monotonic()
            with pytest.raises(LLMUnavailable, match=r"no connection to 127\.0\.0\.1") as caught:
                ask(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", stream, deadline=60)
        assert caught.value.attempts == 3
        assert time.monotonic() - start < 20

    @both
    def test_a_name_that_no_one_knows(self, stream, monkeypatch):
        def unknown(host, *_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)  # how long the machine's own resolver takes is not ours
        with pytest.raises(LLMUnavailable, match=r"no connection to nowhere\.invalid"):
            ask("http://nowhere.invalid/v1", stream)

    @both
    def test_no_tls_where_https_was_asked_for(self, server, stream):
        server.replies = [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
        with pytest.raises(LLMUnavailable, match="no secure connection"):
            ask(server.url.replace("http:", "https:"), stream)

    @both
    @tried
    def test_a_tls_handshake_that_hangs(self, server, stream, monkeypatch):
        assert bounded_http.CONNECT_SECONDS < 5
        monkeypatch.setattr(bounded_http, "CONNECT_SECONDS", 0.5)
        server.replies = [[60.0]]
        start = time.monotonic()
        with pytest.raises(LLMUnavailable, match="it accepts none") as caught:
            ask(server.url.replace("http:", "https:"), stream)
        assert time.monotonic() - start < 1.5
        assert caught.value.attempts == 1

    @both
    def test_closed_before_an_answer(self, server, stream):
        server.replies = [b""]
        with pytest.raises(LLMUnavailable) as caught:
            ask(server, stream)
        assert caught.value.attempts == len(server.requests) == 3


class TestDeadlines:
    """Each within a second of the deadline."""

    SECONDS = 0.7

    def passed(self, stream, reply):
        with Server([reply]) as server:
            start = time.monotonic()
            try:
                answer = ask(server, stream, deadline=self.SECONDS)
            except LLMTimeout as error:
                answer = error
            assert self.SECONDS - 0.05 <= time.monotonic() - start < self.SECONDS + 1
            assert len(server.requests) == 1
        return answer

    @both
    @tried
    def test_no_headers(self, stream):
        error = self.passed(stream, [60.0])
        assert isinstance(error, LLMTimeout)
        assert "no answer in 0.7 s" in str(error)
        assert error.attempts == 1

    @both
    @tried
    def test_headers_that_drip(self, stream):
        assert isinstance(self.passed(stream, drip(good(stream), 0.1)), LLMTimeout)

    @both
    @tried
    def test_a_body_that_drips(self, stream):
        body = good(stream).partition(b"\r\n\r\n")
        answer = self.passed(stream, [body[0] + body[1], *drip(body[2], 0.1)])
        assert isinstance(answer, LLMTimeout)

    @both
    @tried
    def test_a_stall_in_the_middle(self, stream):
        reply = STREAM + event("Half an") if stream else whole("Half an answer")[:-20]
        answer = self.passed(stream, [reply, 60.0])
        if stream:
            assert answer.text == "Half an"
            assert answer.incomplete
            assert "deadline of 0.7 s passed" in answer.reason
        else:
            assert isinstance(answer, LLMTimeout)

    @both
    @tried
    def test_retries_share_one_deadline(self, server, stream, monkeypatch):
        monkeypatch.setattr(retries, "FIRST_WAIT", 0.2)
        server.replies = [[0.3, http("503 Busy", b"{}")]]
        start = time.monotonic()
        with pytest.raises(LLMUnavailable):
            ask(server, stream, deadline=self.SECONDS, attempts=50)
        assert time.monotonic() - start < self.SECONDS + 1

    def test_a_model_without_a_deadline_of_the_call_has_its_own(self, server):
        server.replies = [[30.0]]
        with pytest.raises(LLMTimeout, match=r"0\.3 s"):
            ask(server, stream=False, deadline=None, timeout=0.3)

    @both
    @tried
    def test_a_longer_deadline_holds_in_its_place(self, server, stream):
        server.replies = [[0.6, good(stream)]]
        assert ask(server, stream, deadline=300.0, timeout=0.3).text == "Hello"


class TestRetries:
    @both
    @pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "503 Busy", "529 Overloaded"])
    def test_faults_of_the_server_then_an_answer(self, server, stream, status):
        server.replies = [http(status, b'{"error": {"message": "later"}}'), b"", good(stream)]
        answer = ask(server, stream)
        assert answer.text == "Hello"
        assert answer.usage.calls == len(server.requests) == 3

    @both
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
    def test_what_the_server_calls_wrong_is_never_asked_again(self, server, stream, status):
        server.replies = [http(f"{status} No", b'{"error": {"message": "not so"}}')]
        with pytest.raises(LLMRefused, match=f"answered {status} No.*not so") as caught:
            ask(server, stream)
        assert caught.value.attempts == len(server.requests) == 1

    @both
    def test_attempts_end(self, server, stream):
        server.replies = [http("500 Oops", b"{}")]
        with pytest.raises(LLMUnavailable, match=r"500 Oops.*4 attempts made") as caught:
            ask(server, stream, attempts=4)
        assert caught.value.attempts == len(server.requests) == 4

    @pytest.mark.slow
    @both
    def test_retry_after_seconds_is_waited_exactly(self, server, stream):
        server.replies = [http("429 Slow down", b"{}", headers="Retry-After: 2\r\n"), good(stream)]
        assert ask(server, stream, deadline=60).usage.calls == 2
        assert retries.wait(1, {"retry-after": "2"}) == 2
        assert 2.0 <= server.times[1] - server.times[0] < 10

    @pytest.mark.slow
    @both
    def test_retry_after_a_date(self, server, stream):
        asked, told = [], []

        def late():
            date = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)  # whole seconds: 1 to 2 from now
            told.append(date)
            yield http("429 Slow down", b"{}", headers=f"Retry-After: {format_datetime(date, usegmt=True)}\r\n")

        def then():
            asked.append(datetime.now(UTC))
            yield good(stream)

        server.replies = [late(), then()]
        assert ask(server, stream, deadline=60).usage.calls == 2
        assert -0.05 < (asked[0] - told[0]).total_seconds() < 10

    @both
    def test_retry_after_a_day_fails_at_once_and_says_so(self, server, stream):
        server.replies = [http("429 Slow down", b"{}", headers="Retry-After: 86400\r\n"), good(stream)]
        start = time.monotonic()
        with pytest.raises(
            LLMUnavailable, match=r"may come in 86400 s, but only \d+ s of the deadline are left"
        ) as caught:
            ask(server, stream)
        assert time.monotonic() - start < 15
        assert caught.value.attempts == len(server.requests) == 1

    @both
    @pytest.mark.parametrize("header", ["", "Retry-After: soon\r\n", "Retry-After: nan\r\n", "Retry-After: -5\r\n"])
    def test_retry_after_garbage_or_none_is_ordinary_back_off(self, server, stream, header):
        server.replies = [http("429 Slow down", b"{}", headers=header), good(stream)]
        assert ask(server, stream).usage.calls == 2
        assert retries.wait(1, {"retry-after": header.partition(": ")[2].strip()}) <= retries.FIRST_WAIT

    def test_back_off_doubles_and_is_jittered(self, monkeypatch):
        monkeypatch.setattr(retries, "FIRST_WAIT", 0.5)
        waits = [[retries.wait(attempt, {}) for _ in range(200)] for attempt in (1, 2, 3, 10)]
        for drawn, most in zip(waits, (0.5, 1.0, 2.0, retries.LONGEST_WAIT), strict=True):
            assert most / 2 <= min(drawn) < 0.6 * most
            assert 0.9 * most < max(drawn) <= most

    def test_retry_after_is_read_as_the_standard_says(self):
        assert retry_after("120") == 120
        assert retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0
        assert retry_after("inf") is retry_after("") is retry_after("\x00") is None

    def test_nothing_is_asked_again_once_text_has_come(self, server):
        server.replies = [[STREAM, event("Half")]]
        answer = ask(server, stream=True)
        assert (answer.text, answer.incomplete, answer.usage.calls) == ("Half", True, 1)
        assert len(server.requests) == 1


BODIES = {
    "html": (b"<html><body>Welcome to the wifi</body></html>", "text/html", "Welcome to the wifi"),
    "empty": (b"", "application/json", "it is empty"),
    "truncated": (b'{"choices": [{"message": {"content": "Hal', "application/json", "Hal"),
    "no choices": (b'{"choices": []}', "application/json", "no choices"),
    "null": (
        b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}',
        "application/json",
        "no text",
    ),
    "number": (b'{"choices": [{"message": {"content": 42}}]}', "application/json", "no text"),
    "list": (b"[1, 2, 3]", "application/json", "not a JSON object"),
    "wrong types": (b'{"choices": {"0": "a"}, "usage": "much"}', "application/json", "no choices"),
    "deep": (b"[" * 100_000, "application/json", "not a JSON object"),
    "not utf-8": (b"\xff\xfe\x00", "application/json", "not a JSON object"),
}


EVENTS = {
    "nothing": b"",
    "only done": DONE,
    "no json": b"data: <html>\n\n",
    "no choices": b'data: {"choices": []}\n\n' + DONE,
    "null": event(None, "stop") + DONE,
    "number": b'data: {"choices": [{"delta": {"content": 42}}]}\n\n',
    "error": b'data: {"error": {"message": "out of memory"}}\n\n',
}


class TestBadAnswers:
    @both
    @pytest.mark.parametrize("name", BODIES)
    def test_replies_that_are_none(self, server, stream, name):
        body, kind, shown = BODIES[name]
        server.replies = [http("200 OK", body, kind)]
        with pytest.raises(LLMBadResponse, match=shown) as caught:
            ask(server, stream)
        assert caught.value.attempts == len(server.requests) == 1
        assert len(str(caught.value)) < 400

    @pytest.mark.parametrize("name", EVENTS)
    def test_streams_that_are_none(self, server, name):
        server.replies = [STREAM + EVENTS[name]]
        with pytest.raises(LLMBadResponse):
            ask(server, stream=True)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("end", ["cut", "reset", "garbage", "error"])
    def test_streams_that_break_off_are_marked(self, server, end):
        tail = {"cut": b"", "reset": b'data: {"cho', "garbage": b"data: oops\n\n", "error": EVENTS["error"]}[end]
        server.replies = [STREAM + event("Half an") + event(" answer") + tail]
        answer = ask(server, stream=True)
        assert answer.text == "Half an answer"
        assert answer.incomplete
        assert answer.reason

    def test_a_chunked_stream_that_ends_before_its_last_chunk_is_marked(self, server):
        chunk = event("Half")
        headers = head(kind="text/event-stream", headers="Transfer-Encoding: chunked\r\n")
        server.replies = [headers + f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"]
        answer = ask(server, stream=True)
        assert (answer.text, answer.incomplete) == ("Half", True)

    def test_done_alone_is_an_end_and_so_is_a_finish_reason_alone(self, server):
        server.replies = [STREAM + event("Whole") + DONE, STREAM + event("Whole") + event(finish="stop")]
        for _ in range(2):
            answer = ask(server, stream=True)
            assert (answer.text, answer.incomplete) == ("Whole", False)

    @both
    @pytest.mark.parametrize(("finish", "said"), [("length", "max_tokens"), ("content_filter", "content filter")])
    def test_an_answer_that_was_cut_is_marked(self, server, stream, finish, said):
        server.replies = [STREAM + event("Half") + event(finish=finish) + DONE if stream else whole("Half", finish)]
        answer = ask(server, stream)
        assert (answer.text, answer.incomplete) == ("Half", True)
        assert said in answer.reason

    @pytest.mark.parametrize(
        ("pieces", "text"),
        [(("A \ud83d", "\ude00."), "A \U0001f600."), (("A \ud83d", "."), "A \ufffd."), (("A.", "\ud83d"), "A.\ufffd")],
    )
    def test_halves_of_a_character_are_joined_and_those_alone_replaced(self, server, pieces, text):
        server.replies = [STREAM + b"".join(map(escaped, pieces)) + event(finish="stop") + DONE, whole("".join(pieces))]
        assert "".join(model(server).stream(ASK)) == text
        assert ask(server, stream=False).text == text

    def test_a_count_of_tokens_that_cannot_be_is_not_believed(self, server):
        server.replies = [whole("Hello", usage={"prompt_tokens": 10**40, "completion_tokens": -3})]
        used = ask(server, stream=False).usage
        assert (used.prompt_tokens, used.completion_tokens) == (0, 0)

    def test_a_server_that_does_not_stream_is_read_all_the_same(self, server):
        server.replies = [whole("Hello")]
        assert ask(server, stream=True).text == "Hello"

    @both
    def test_redirects_are_not_followed_and_the_other_host_sees_no_key(self, server, stream):
        with Server([good(stream)]) as other:
            server.replies = [http("307 Moved", b"", headers=f"Location: {other.url}/chat/completions?key=x\r\n")]
            with pytest.raises(LLMRefused, match="points to") as caught:
                ask(server, stream, api_key="sk-secret-key")
            assert other.requests == []
        assert len(server.requests) == 1
        assert "key=x" not in str(caught.value)


class TestPackets:
    TEXT = "Grüße, 世界 🦉 line\u2028separator \\n end"

    @pytest.mark.parametrize(
        "how", ["bytes", "crlf", "cr", "comments", "no space", "several data lines", "no last line"]
    )
    def test_however_the_bytes_come_the_text_is_the_same(self, server, how):
        events = b"".join(event(piece) for piece in (self.TEXT[:7], self.TEXT[7:])) + DONE
        if how == "crlf":
            events = events.replace(b"\n\n", b"\r\n\r\n")
        elif how == "cr":
            events = events.replace(b"\n\n", b"\r\r")
        elif how == "comments":
            events = b": hello\n\n" + events.replace(b"data:", b": ping\nid: 1\nevent: message\ndata:")
        elif how == "no space":
            events = events.replace(b"data: ", b"data:")
        elif how == "several data lines":
            events = events.replace(b'"index"', b'\ndata: "index"')
        elif how == "no last line":
            events = events[:-2]
        # A pause after each byte, or the kernel would put them together again.
        parts = drip(events, 0.001) if how == "bytes" else [events]
        server.replies = [[STREAM, *parts]]
        answer = ask(server, stream=True)
        assert answer.text == self.TEXT
        assert not answer.incomplete

    def test_one_event_in_a_thousand_packets(self, server):
        text = "ü" * 600
        data = event(text)
        step = len(data) // 1000 or 1
        packets = [part for i in range(0, len(data), step) for part in (data[i : i + step], 0.0005)]
        server.replies = [[STREAM, *packets, DONE]]
        assert len(packets) >= 2000
        assert ask(server, stream=True).text == text


FLOODS = """
import resource, sys, warnings
from rag import Message, language_model
from rag.errors import LLMBadResponse
def ask(url, stream):
    with language_model("openai:tiny", base_url=url) as model:
        if not stream:
            return model.complete([Message("user", "hi")], deadline=60)
        pieces = model.stream([Message("user", "hi")], deadline=60)
        for _ in pieces:
            pass
        return pieces.completion
url, stream = sys.argv[1], sys.argv[2] == "True"
ask(url, False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    answer = ask(url, stream)
    print("incomplete", len(answer.text.encode()), answer.reason)
except LLMBadResponse as error:
    print("bad", 0, error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


class TestFloods:
    """A gigabyte is offered each time; the client is a process of its own, whose memory is measured."""

    def ask(self, server, stream, start, piece):
        sent = []

        def reply():
            yield start
            for _ in range(2**30 // len(piece)):
                sent.append(len(piece))
                yield piece

        server.replies = [whole(), reply()]
        done = subprocess.run(
            [sys.executable, "-c", FLOODS, server.url, str(stream)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        said, grown = done.stdout.strip().splitlines()[-2:]
        assert int(grown) < 64
        assert sum(sent) < 64 << 20  # what lay in the sockets' buffers is sent too
        return said.split(maxsplit=2)

    def test_a_reply_of_a_gigabyte(self, server):
        kind, _, why = self.ask(server, False, head() + b'{"choices": [{"message": {"content": "', b"x" * 65536)
        assert kind == "bad"
        assert "longer than 4 MB" in why

    @pytest.mark.slow
    def test_a_stream_of_a_gigabyte_is_cut_and_marked(self, server):
        kind, size, why = self.ask(server, True, STREAM, event("x" * 60_000))
        assert kind == "incomplete"
        assert 3 << 20 < int(size) <= 4 << 20
        assert "longer than 4 MB" in why

    def test_one_endless_event(self, server):
        assert self.ask(server, True, STREAM + b"data: ", b"x" * 65536)[0] == "bad"

    def test_empty_deltas_without_end(self, server):
        kind, _, why = self.ask(server, True, STREAM, event("") * 500)
        assert kind == "bad"
        assert "longer than 4 MB" in why

    @both
    def test_a_gzip_bomb_is_not_unpacked(self, server, stream):
        start = head(headers="Content-Encoding: gzip\r\n")
        kind, _, why = self.ask(server, stream, start, b"\x1f\x8b" + b"\0" * 65534)
        assert kind == "bad"
        assert "compresses its reply (gzip)" in why

    def test_an_error_of_a_gigabyte(self, server):
        server.replies = [[head("400 No"), *[b"x" * 65536] * 2000]]
        with pytest.raises(LLMRefused, match="400 No: 'xxx"):
            ask(server, stream=False)


class TestBudget:
    @both
    def test_calls(self, server, stream):
        server.replies = [http("500 Oops", b"{}")]
        budget = Budget(calls=2)
        with pytest.raises(BudgetExceeded, match="budget of 2 calls") as caught:
            ask(server, stream, attempts=9, budget=budget)
        assert caught.value.attempts == len(server.requests) == 2
        with pytest.raises(BudgetExceeded):
            ask(server, stream, budget=budget)
        assert len(server.requests) == 2

    def test_tokens_are_counted_and_the_last_answer_is_asked_to_be_short(self, server):
        server.replies = [whole()]
        budget = Budget(tokens=12)
        for _ in range(3):
            ask(server, stream=False, budget=budget)
        with pytest.raises(BudgetExceeded, match="12 tokens"):
            ask(server, stream=False, budget=budget)
        assert [body["max_tokens"] for _, _, body in server.requests] == [12, 7, 2]

    def test_tokens_are_estimated_where_the_server_does_not_count(self, server):
        server.replies = [streamed("word " * 30)]
        budget = Budget(tokens=40)
        used = ask(server, stream=True, budget=budget).usage
        assert (used.prompt_tokens, used.completion_tokens) == (7, 50)
        with pytest.raises(BudgetExceeded, match="40 tokens"):
            ask(server, stream=True, budget=budget)

    def test_bytes(self, server):
        server.replies = [STREAM + event("x" * 5000) * 10 + DONE]
        budget = Budget(bytes=20_000)
        answer = ask(server, stream=True, budget=budget)
        assert answer.incomplete
        assert 10_000 <= len(answer.text) <= 20_000
        with pytest.raises(BudgetExceeded, match="20000 bytes"):
            ask(server, stream=True, budget=budget)

    @tried
    def test_seconds_bound_the_call_in_progress_too(self, server):
        server.replies = [[30.0]]
        budget = Budget(seconds=0.4)
        with pytest.raises(LLMTimeout):
            ask(server, stream=False, budget=budget)
        with pytest.raises(BudgetExceeded, match=r"0\.4 seconds"):
            ask(server, stream=False, budget=budget)


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


class TestConstraints:
    @both
    def test_a_schema_goes_as_response_format_and_the_answer_is_checked(self, server, stream):
        said = '{"n": 3}'
        server.replies = [streamed(said) if stream else whole(said)]
        assert ask(server, stream, constraint=JsonSchema(SCHEMA)).text == said
        form = server.requests[0][2]["response_format"]
        assert form["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}

    def test_an_answer_that_does_not_fit_is_an_error(self, server):
        server.replies = [whole('{"n": "three"}')]
        with pytest.raises(ConstraintUnmet, match="does not fit the schema at n") as caught:
            ask(server, stream=False, constraint=JsonSchema(SCHEMA))
        assert caught.value.attempts == 1

    @pytest.mark.parametrize(
        ("kind", "constraint", "field", "reply"),
        [
            ("openai", Choice(["yes", "no"]), "response_format", '{"answer": "yes"}'),
            ("openai", Regex("y[a-z]+"), "response_format", '{"answer": "yes"}'),
            ("compatible", Choice(["yes", "no"]), "response_format", '{"answer": "yes"}'),
            ("llamacpp", Choice(["yes", "no"]), "grammar", "yes"),
            ("llamacpp", Regex("y[a-z]+"), "response_format", '{"answer": "yes"}'),
            ("vllm", Choice(["yes", "no"]), "structured_outputs", "yes"),
            ("vllm", Regex("y[a-z]+"), "structured_outputs", "yes"),
        ],
    )
    def test_choices_and_patterns_by_what_each_server_knows(self, server, kind, constraint, field, reply):
        server.replies = [whole(reply), whole("maybe")]
        assert ask(server, stream=False, server=kind, constraint=constraint).text == "yes"
        assert field in server.requests[0][2]
        with pytest.raises(ConstraintUnmet):
            ask(server, stream=False, server=kind, constraint=constraint)


class TestAddresses:
    @pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost:11434", "http://", "ftp://example.org/v1"])
    def test_what_is_no_address(self, url):
        with pytest.raises(InvalidInput, match="base_url must begin with http"):
            language_model("openai:tiny", base_url=url)

    def test_openai_itself_wants_a_key(self):
        with pytest.raises(LLMRefused, match="OPENAI_API_KEY"):
            language_model("openai:gpt-4o-mini")

    def test_models_of_one_name_on_two_servers_have_two_names(self):
        names = {language_model("openai:m", base_url=f"http://127.0.0.1:{port}/v1").name for port in (1, 2)}
        assert names == {"openai:m@127.0.0.1:1", "openai:m@127.0.0.1:2"}

    def test_lone_surrogates_go_as_replacement_characters(self, server):
        server.replies = [whole()]
        with model(server) as llm:
            llm.complete([Message("user", "a\ud800b")])
        assert server.requests[0][2]["messages"][0]["content"] == "a\N{REPLACEMENT CHARACTER}b"

    def test_threads_share_a_model(self, server):
        server.replies = [whole()]
        with model(server) as llm:
            texts = []
            threads = [threading.Thread(target=lambda: texts.append(llm.complete(ASK).text)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert texts == ["Hello"] * 8
