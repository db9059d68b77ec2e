"""A key in the environment, the options, the address and the conversation is in nothing that a person reads."""

from __future__ import annotations

import io
import logging
import traceback
from contextlib import redirect_stderr, redirect_stdout

import pytest
from misbehaving import STREAM, event, http

from rag import Message, RagError, language_model
from rag.llm.backends import retries
from rag.llm.backends.secrets import without_secrets

ENVIRONMENT, OPTION, ADDRESS, PASSWORD, DOCUMENT = (
    f"sk-canary-{place}-0123456789" for place in ("environment", "option", "address", "password", "document")
)
CANARIES = (ENVIRONMENT, OPTION, ADDRESS, PASSWORD, DOCUMENT)


def echo(status: str) -> bytes:
    """What some servers do: say the key back."""
    said = " ".join(CANARIES[:4])
    return http(status, f'{{"error": {{"message": "wrong key {said}"}}}}'.encode(), headers=f"X-Key: {said}\r\n")


REPLIES = [
    *(echo(f"{status} No") for status in (400, 401, 403, 404, 409, 422, 429, 500, 502, 503)),
    http("307 Moved", b"", headers=f"Location: http://127.0.0.1:9/?key={ADDRESS}\r\n"),
    http("200 OK", f"<html>{ENVIRONMENT} {OPTION}</html>".encode(), "text/html"),
    http("200 OK", b""),
    http("200 OK", b'{"choices": []}'),
    b"",
    b"HTTP/1.1 garbage\r\n\r\n",
    STREAM + f'data: {{"error": "{OPTION} {ADDRESS}"}}\n\n'.encode(),
    STREAM + event("Half"),
    [STREAM, 0.3],
    http("200 OK", b"x" * 100, headers="Content-Encoding: br\r\n"),
]


@pytest.mark.slow
def test_a_canary_appears_nowhere_over_100_provoked_errors(server, monkeypatch):
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("OPENAI_API_KEY", ENVIRONMENT)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    errors, records = 0, 0
    try:
        with redirect_stdout(written), redirect_stderr(written):
            for given in (OPTION, None):
                url = server.url.replace("http://", f"http://user:{PASSWORD}@") + f"?key={ADDRESS}"
                with language_model("openai:tiny", base_url=url, api_key=given) as model:
                    for reply in REPLIES:
                        for stream in (False, True, False):
                            server.replies = [reply]
                            errors += provoke(model, stream, written)
                    print(repr(model), model.name, model.budget, file=written)
                    with pytest.raises(TypeError, match="cannot be pickled"):
                        model.__reduce__()
        records = written.getvalue().count("httpcore2.http11 DEBUG")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert errors >= 100
    assert records > 200  # the logs of the libraries underneath were on
    assert [canary for canary in CANARIES if canary in written.getvalue()] == []
    sent = server.requests[-1]
    assert sent[0].endswith(f"?key={ADDRESS}")  # the address was used whole
    assert DOCUMENT in str(sent[2])


def provoke(model, stream, written) -> int:
    ask = [Message("user", f"The document says {DOCUMENT}.")]
    try:
        if stream:
            with model.stream(ask, deadline=0.2) as pieces:
                "".join(pieces)
            print(pieces.completion.reason, file=written)
            return int(pieces.completion.incomplete)
        model.complete(ask, deadline=0.2)
    except RagError as error:
        written.write(f"{error} {error!r} {vars(error)}\n")
        traceback.print_exception(error, file=written)
        logging.getLogger("app").exception("it failed")
        return 1
    return 0


def test_what_is_blotted_out():
    assert without_secrets("http://me:word@host/a?key=1&x=2 fine?") == "http://***@host/a?*** fine?"
    assert without_secrets("what is 2?") == "what is 2?"
