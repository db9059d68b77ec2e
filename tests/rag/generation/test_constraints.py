"""JSON schemas that refer to other places: nothing is fetched, and what is missing is said before a model is paid."""

from __future__ import annotations

import http.server
import threading

import pytest

from rag import InvalidInput, JsonSchema


@pytest.fixture
def hits() -> object:
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield seen, f"http://127.0.0.1:{server.server_port}/schema.json"
        server.shutdown()


def test_a_reference_to_elsewhere_is_refused_and_never_fetched(hits: tuple[list[str], str]) -> None:
    seen, url = hits
    for reference in (url, "file:///etc/passwd", "#/$defs/missing"):
        with pytest.raises(InvalidInput, match="nothing is fetched"):
            JsonSchema({"type": "object", "properties": {"a": {"$ref": reference}}})
    for schema in ({"$dynamicRef": url}, {"$id": "http://own/", "$ref": url}):
        with pytest.raises(InvalidInput, match="nothing is fetched"):
            JsonSchema(schema).parse("3")
    assert seen == []


def test_references_within_the_schema_are_followed() -> None:
    tree = JsonSchema(
        {
            "$defs": {
                "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}
            },
            "$ref": "#/$defs/node",
        }
    )
    assert tree.parse('{"next": {"n": 1}}') == {"next": {"n": 1}}
    with pytest.raises(ValueError, match="next/n"):
        tree.parse('{"next": {"n": "x"}}')


@pytest.mark.parametrize("schema", [True, [1], "x", None])
def test_what_is_no_mapping_is_no_schema(schema: object) -> None:
    with pytest.raises(InvalidInput):
        JsonSchema(schema)
