"""/metrics: read by Prometheus' own parser, with labels that no client makes."""

from __future__ import annotations

import pytest

from pipelines.server.guard import Access

from .conftest import Client, Serve

parser = pytest.importorskip("prometheus_client.parser")
TOKEN = "correct-horse-battery-staple"


def counted(client: Client) -> dict[tuple[str, str, str], float]:
    _, heads, data = client.send("GET", "/metrics")
    assert heads["content-type"].startswith("text/plain")
    rows = [each for family in parser.text_string_to_metric_families(data.decode()) for each in family.samples]
    return {
        (each.labels["method"], each.labels["route"], each.labels["status"]): each.value
        for each in rows
        if each.name == "rag_requests_total"
    }


def test_requests_are_counted_by_the_route_as_it_is_declared(serve: Serve) -> None:
    client = serve()
    for _ in range(3):
        client.post("/v1/search", {"question": "tea"})
    client.post("/v1/search", {"question": " "})
    for n in range(5):
        client.get(f"/v1/documents/{n:024}")
        client.get(f"/v1/made-up-{n}")
    client.send("BREW", "/v1/search")
    client.send("POST", "/v1/search", {"question": "tea"}, Host="evil.example")
    told = counted(client)
    assert told["POST", "/v1/search", "200"] == 3
    assert told["POST", "/v1/search", "400"] == 1
    assert told["GET", "/v1/documents/{document}", "404"] == 5
    assert told["GET", "none", "404"] == 5
    assert told["POST", "none", "421"] == 1
    assert not [method for method, _, _ in told if method == "BREW"]


def test_a_key_needs_the_scope(serve: Serve) -> None:
    client = serve(access=Access(TOKEN))
    assert client.send("GET", "/metrics")[0] == 401
    client.headers["Authorization"] = f"Bearer {TOKEN}"
    assert client.send("GET", "/metrics")[0] == 200
