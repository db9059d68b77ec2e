"""The description at /openapi.json: complete, true of real responses, and asked for all that it allows."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from pydantic import BaseModel

from pipelines.server import forms
from pipelines.server.guard import Access
from pipelines.server.principals import EVERYBODY, Principal

from .conftest import MULTIPART, Client, Serve, multipart

UPLOADER = Access(anybody=Principal("everybody", None, EVERYBODY.scopes | {"upload"}))
ASKED = {"question": "At how many degrees is green tea steeped?"}
CHAT = {"messages": [{"role": "user", "content": ASKED["question"]}]}


@pytest.fixture
def own_base(base: Path, tmp_path: Path) -> Path:
    """A copy, which uploads change."""
    import shutil

    return Path(shutil.copytree(base, tmp_path / "drinks"))


def test_every_route_says_what_it_answers(serve: Serve) -> None:
    told = serve().get("/openapi.json")[1]
    assert "422" not in json.dumps(told["paths"])
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            good = [each for status, each in operation["responses"].items() if status in {"200", "202"}]
            assert len(good) == 1, where
            for kind, form in good[0]["content"].items():
                assert form.get("schema") or kind in {"image/png", "text/event-stream"}, where
            assert operation["responses"]["4XX"]["content"]["application/json"]["schema"], where


def nested(form: Any, model: Any, place: str) -> None:
    """Compare a response with its form, key by key."""
    if isinstance(model, type) and issubclass(model, BaseModel) and form is not None:
        wanted = {name for name, field in model.model_fields.items() if field.is_required()}
        assert wanted <= set(form) <= set(model.model_fields), place
        for name, field in model.model_fields.items():
            inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
            for each in inner:
                values = form.get(name) if isinstance(form.get(name), list) else [form.get(name)]
                for value in values:
                    if isinstance(value, dict):
                        nested(value, each, f"{place}.{name}")


@pytest.mark.parametrize(
    ("method", "path", "body", "form"),
    [
        ("GET", "/health", None, forms.Health),
        ("GET", "/v1/status", None, forms.StatusForm),
        ("POST", "/v1/ask", ASKED, forms.AnswerForm),
        ("POST", "/v1/search", ASKED, forms.SearchForm),
        ("POST", "/v1/explain", ASKED, forms.ExplanationForm),
        ("GET", "/v1/documents", None, forms.DocumentsForm),
        ("GET", "/v1/models", None, forms.ModelsForm),
        ("GET", "/v1/models/drinks", None, forms.ModelForm),
        ("POST", "/v1/chat/completions", CHAT, forms.CompletionForm),
        ("POST", "/v1/embeddings", {"input": "tea"}, forms.EmbeddingsForm),
        ("POST", "/v1/embeddings", {"input": ["tea", "bees"], "encoding_format": "base64"}, forms.EmbeddingsForm),
        ("POST", "/v1/search", {"question": " "}, forms.ErrorForm),
        ("GET", "/v1/nothing", None, forms.ErrorForm),
        ("GET", "/v1/jobs", None, forms.ErrorForm),
    ],
)
def test_a_response_has_its_form(serve: Serve, method: str, path: str, body: Any, form: type[BaseModel]) -> None:
    _, _, data = serve().send(method, path, body)
    told = json.loads(data)
    form.model_validate(told, strict=False)
    nested(told, form, path)


@pytest.mark.slow
def test_an_uploads_responses_have_their_forms(own_base: Path) -> None:
    from .test_documents_api import ended, served

    with served(own_base, UPLOADER) as client:
        _, _, data = client.send("POST", "/v1/documents", multipart("a.md", b"Okapis."), Content_Type=MULTIPART)
        done = ended(client, json.loads(data))
        for told, form in ((json.loads(data), forms.JobForm), ({"job": done}, forms.JobForm)):
            form.model_validate(told)
            nested(told, form, "job")
        nested(client.get("/v1/jobs")[1], forms.JobsForm, "jobs")
        document = done["report"]["documents"][0]
        nested(client.get(f"/v1/documents/{document}")[1], forms.DocumentForm, "document")
        nested(json.loads(client.send("DELETE", f"/v1/documents/{document}")[2]), forms.Removed, "removed")


@pytest.mark.slow
def test_what_the_description_allows_is_no_error_of_the_server(own_base: Path) -> None:
    assert fuzzed(own_base, 15) >= 15


def fuzzed(base: Path, examples: int) -> int:
    """Ask each operation for what its description allows, and for what it does not; returns how many operations."""
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

    from .test_documents_api import served

    wanted = [not_a_server_error, response_schema_conformance, content_type_conformance]
    with served(base, UPLOADER) as client:
        schema = schemathesis.openapi.from_url(f"{client.url}/openapi.json")
        operations = [each.ok() for each in schema.get_all_operations()]
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                asked(client, operation, operation.as_strategy(generation_mode=mode), wanted, examples)
    return len(operations)


def asked(client: Client, operation: Any, cases: Any, checks: Any, examples: int) -> None:
    @seed(0)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def one(case: Any) -> None:
        case.call_and_validate(base_url=client.url, checks=checks, timeout=60)

    with suppress(Unsatisfiable):  # there is nothing to get wrong in an operation without arguments
        one()
