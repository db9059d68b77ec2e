"""Each rule at its limit and one past it, by a real server."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import pytest

from pipelines.server.guard import Access, Limits

from .conftest import Client, Serve

TOKEN = "correct-horse-battery-staple"
ASKED = {"question": "How hot is green tea?"}


# ---- who may ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN]
)
def test_without_the_token_nothing_but_health_answers(serve: Serve, given: str) -> None:
    client = serve(access=Access(TOKEN))
    for method, path in [
        ("POST", "/v1/ask"),
        ("GET", "/v1/status"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/models"),
        ("GET", "/x"),
    ]:
        status, heads, _ = client.send(method, path, ASKED if method == "POST" else None, Authorization=given)
        assert (status, heads["www-authenticate"]) == (401, "Bearer"), path
    assert client.get("/health")[0] == 200
    for kind in ("Bearer", "bearer"):  # names of schemes have no case, RFC 9110
        client.headers["Authorization"] = f"{kind} {TOKEN}"
        assert client.post("/v1/search", ASKED)[0] == client.get("/openapi.json")[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:{port}", 200), ("localhost:{port}", 200), ("localhost", 200), ("[::1]:1", 200), ("LOCALHOST", 200)]
    + [(each, 421) for each in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io:{port}", "", "[::1", "0")]
    + [(each, 421) for each in ("[::1]evil.example", "[::1]:1.evil.example", "localhost:1@evil.example")],
)
def test_without_a_token_it_answers_under_this_machines_names_only(serve: Serve, host: str, status: int) -> None:
    client = serve()
    assert client.send("GET", "/v1/status", Host=host.format(port=urlsplit(client.url).port))[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:3000", 200), ("http://127.0.0.1", 200), ("null", 403)]
    + [(each, 403) for each in ("https://evil.example", "http://localhost.evil.example")],
)
def test_pages_of_other_sites_may_not_ask(serve: Serve, origin: str, status: int) -> None:
    assert serve().post("/v1/search", ASKED, Origin=origin)[0] == status


def test_a_head_alone_is_answered_as_the_whole_is(serve: Serve) -> None:
    client = serve()
    for path in ("/", "/health", "/v1/status", "/v1/documents/none"):
        status, heads, data = client.send("GET", path)
        alone = client.send("HEAD", path)
        assert (alone[0], alone[1]["content-length"], alone[2]) == (status, str(len(data)), b"")
        assert heads["content-length"] == alone[1]["content-length"]
    assert client.send("HEAD", "/v1/ask")[0] == 405
    assert b'rag_requests_total{method="HEAD",route="/health",status="200"} 1.0' in client.send("GET", "/metrics")[2]


def test_with_a_token_any_name_and_page_may_ask(serve: Serve) -> None:
    client = serve(access=Access(TOKEN))
    heads = {"Authorization": f"Bearer {TOKEN}", "Host": "docs.example", "Origin": "https://docs.example"}
    assert client.post("/v1/search", ASKED, **heads)[0] == 200


def test_answers_are_kept_by_nobody_and_taken_for_what_they_are(serve: Serve) -> None:
    _, heads, _ = serve().send("POST", "/v1/search", ASKED)
    assert (heads["cache-control"], heads["x-content-type-options"]) == ("no-store", "nosniff")
    assert "server" not in heads
    _, heads, _ = serve(access=Access(TOKEN)).send("POST", "/v1/search", ASKED)  # refusals too
    assert (heads["cache-control"], heads["x-content-type-options"]) == ("no-store", "nosniff")


# ---- how much -------------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    body = b'{"question": "How hot is green tea?"}'
    return body + b" " * (size - len(body))


def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not(serve: Serve) -> None:
    client = serve(limits=Limits(body_bytes=5000))
    assert client.send("POST", "/v1/search", padded(5000))[0] == 200
    status, _, told = client.send("POST", "/v1/search", padded(5001))
    assert (status, b"5,000 bytes" in told) == (413, True)


def test_a_body_of_unsaid_length_is_counted(serve: Serve) -> None:
    client = serve(limits=Limits(body_bytes=5000))
    for size, wanted in ((5000, 200), (5001, 413)):
        connection = client.connect()
        pieces = iter([padded(size)[:3000], padded(size)[3000:]])
        connection.request("POST", "/v1/search", pieces, {"Content-Type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == wanted
        connection.close()


def test_a_body_that_is_said_to_be_too_long_is_not_waited_for(serve: Serve) -> None:
    heads = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5001\r\n\r\n"
    connection = opened(serve(limits=Limits(body_bytes=5000, body_s=60)), heads.encode())
    assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    connection.close()


# ---- how slowly -----------------------------------------------------------------------------------------------------


def opened(client: Client, sent: bytes) -> socket.socket:
    place = urlsplit(client.url)
    connection = socket.create_connection((place.hostname, place.port), timeout=60)
    connection.sendall(sent)
    return connection


SLOW = {
    "nothing": b"",
    "half a head": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "half a body": b"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
}


def test_slow_connections_are_closed_and_quick_ones_served(serve: Serve) -> None:
    client = serve(limits=Limits(head_s=0.5, body_s=0.5))
    slow = {name: [opened(client, sent) for _ in range(20)] for name, sent in SLOW.items()}
    assert client.get("/health")[0] == 200
    for name, connections in slow.items():
        for each in connections:
            told = bytearray()
            try:
                while piece := each.recv(4096):  # ends when the server closes; 60 s without that are an error
                    told += piece
            except ConnectionResetError:
                pass
            each.close()
            assert told.startswith(b"HTTP/1.1 408 " if name == "half a body" else b"")
    assert client.post("/v1/search", ASKED)[0] == 200


def test_a_body_that_drips_is_late_in_all(serve: Serve) -> None:
    """A byte now and then does not make the time longer."""
    client = serve(limits=Limits(body_s=0.5))
    drip = opened(client, SLOW["half a body"].replace(b": 100", b": 100000"))
    drip.settimeout(0.05)
    until, told = time.monotonic() + 60, b""
    while not told and time.monotonic() < until:
        try:
            drip.sendall(b" ")
            told = drip.recv(4096)
        except TimeoutError:
            continue
        except OSError:
            break
    drip.close()
    assert time.monotonic() < until
    assert told.startswith(b"HTTP/1.1 408 ") or not told  # that it was closed may come before why


def test_a_connection_is_kept_between_requests(serve: Serve) -> None:
    connection = serve().connect()
    for _ in range(3):
        connection.request("GET", "/health")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"status":"ok"}')
    connection.close()


# ---- of what is in it -----------------------------------------------------------------------------------------------

TURN = {"role": "user", "content": "tea"}
AT_LIMIT = [
    ("/v1/search", {"question": "tea", "k": 100}, {"question": "tea", "k": 101}),
    ("/v1/search", {"question": "x" * 100_000}, {"question": "x" * 100_001}),
    (
        "/v1/search",
        {"question": "tea", "where": " " * 8_172 + "type == 'nothing x'"},
        {"question": "tea", "where": " " * 8_174 + "type == 'nothing x'"},
    ),
    ("/v1/ask", {"question": "tea", "history": [TURN] * 100}, {"question": "tea", "history": [TURN] * 101}),
    ("/v1/chat/completions", {"messages": [TURN] * 1000}, {"messages": [TURN] * 1001}),
]


@pytest.mark.parametrize(("path", "fits", "more"), AT_LIMIT, ids=lambda each: each if isinstance(each, str) else "")
def test_a_field_at_its_limit_is_read_and_one_more_is_not(serve: Serve, path: str, fits: object, more: object) -> None:
    client = serve()
    assert client.post(path, fits)[0] == 200
    assert client.post(path, more)[0] == 400


def test_a_head_that_does_not_end_is_cut_off(serve: Serve) -> None:
    client = serve()
    assert client.send("GET", "/health", X_Padding="x" * 60_000)[0] == 200
    connection = opened(client, b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
    told = b""
    try:
        for _ in range(100):
            connection.sendall(b"X-Padding: " + b"x" * 10_000 + b"\r\n")
        told = connection.recv(4096)
    except OSError:
        told = b"cut"
    connection.close()
    assert told in {b"", b"cut"} or told.startswith(b"HTTP/1.1 4")
    assert client.get("/health")[0] == 200


def test_websockets_are_not_spoken(serve: Serve) -> None:
    heads = b"GET /v1/ask HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    heads += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    connection = opened(serve(), heads)
    assert b" 101 " not in connection.recv(4096).splitlines()[0]
    connection.close()
