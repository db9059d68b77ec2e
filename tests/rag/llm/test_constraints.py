"""JSON schemas that refer to other places: nothing is fetched, and what is missing is said before a model is paid."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from pydantic import BaseModel

from rag import InvalidInput, JsonSchema, Sampling
from rag.errors import ConstraintUnmet


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


def test_a_schema_nested_beyond_reason_is_refused_in_words() -> None:
    schema: dict = {"type": "integer"}
    for _ in range(3000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidInput, match="nested too deeply"):
        JsonSchema(schema)


@pytest.mark.parametrize("schema", [True, [1], "x", None])
def test_what_is_no_mapping_is_no_schema(schema: object) -> None:
    with pytest.raises(InvalidInput):
        JsonSchema(schema)


class Inner(BaseModel):
    n: int
    also: list[Inner] = []


class Filled(BaseModel):
    name: str
    inner: Inner
    either: Inner | None


def test_models_are_asked_for_the_properties_that_a_schema_names_and_no_others() -> None:
    schema = JsonSchema(Filled.model_json_schema())
    closed = schema.closed
    assert closed["additionalProperties"] is False
    assert closed["$defs"]["Inner"]["additionalProperties"] is False
    fits = {"name": "a", "inner": {"n": 1, "also": [{"n": 2}]}, "either": {"n": 3}}
    more = {**fits, "more": 1}
    assert schema.parse(json.dumps(more)) == more  # what comes all the same is taken
    asked = JsonSchema(closed)
    assert asked.parse(json.dumps(fits)) == fits
    for wrong in (more, {**fits, "either": {"n": 3, "more": 1}}):
        with pytest.raises(ConstraintUnmet):
            asked.parse(json.dumps(wrong))


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "required": ["a", "b"]},
        {"$defs": {"base": {"properties": {"a": {}}}}, "$ref": "#/$defs/base", "properties": {"b": {}}},
        {"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}, "required": ["b"]}]},
        {"properties": {"a": {}}, "required": ["b"]},
        {"properties": {"a": {}}, "additionalProperties": True},
        {"properties": {"a": {}}, "minProperties": 2},
        {"properties": {"a": {}}, "patternProperties": {"^b": {}}},
    ],
)
def test_what_is_put_together_from_parts_stays_satisfiable(schema: dict) -> None:
    value = {"a": 1, "b": 2}
    assert JsonSchema({"type": "object", **schema}).parse(json.dumps(value)) == value
    assert JsonSchema(JsonSchema({"type": "object", **schema}).closed).parse(json.dumps(value)) == value


@pytest.mark.parametrize(
    "options",
    [{"n": "5"}, {"n": 2.5}, {"n": None}, {"top_k": True}, {"temperature": "hot"}, {"stop": [1]}, {"stop": ["a", ""]}],
)
def test_sampling_options_of_the_wrong_kind_are_named(options: dict) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        Sampling(**options)


def test_one_stop_text_is_one_stop_text() -> None:
    assert Sampling(stop="END").stop == Sampling(stop=["END"]).stop == ("END",)
