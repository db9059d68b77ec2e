"""Every error of the toolkit has a status, and none tells more than it should."""

from __future__ import annotations

import inspect

import pytest

from pipelines.server.errors import NoSuch, headers, status_of, told
from pipelines.server.public_ids import public_id, public_source
from rag import errors

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.RagError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_has_a_status_and_its_sentence(kind: type[errors.RagError]) -> None:
    error = kind("the cellar at /srv/cellar is\nfull")
    assert 400 <= status_of(error) <= 504
    message = told(error)["error"]["message"]
    if issubclass(kind, errors.StoreError):
        assert "/srv" not in message
        assert kind.__name__ in message
    else:
        assert message == "the cellar at /srv/cellar is full"


def test_statuses() -> None:
    wanted = {"InvalidFilter": 400, "PromptTooLong": 400, "LLMTimeout": 504, "LLMRefused": 502, "DeadlinePassed": 504}
    wanted |= {"Busy": 503, "StoreLocked": 503, "StoreCorrupt": 500, "ModelMissing": 500, "BudgetExceeded": 429}
    assert {name: status_of(getattr(errors, name)("x")) for name in wanted} == wanted
    assert status_of(NoSuch("x")) == 404
    assert status_of(KeyError("x")) == 500
    assert headers(503) == {"Retry-After": "1"}


def test_of_a_foreign_error_nothing_is_told() -> None:
    assert "canary" not in str(told(ValueError("sk-canary-1")))


def test_public_ids_tell_no_path_and_stay() -> None:
    assert public_id("/home/ann/tea.md") == public_id("/home/ann/tea.md") != public_id("/home/bob/tea.md")
    assert "ann" not in public_id("/home/ann/tea.md")
    names = {
        "/home/ann/tea.md": "tea.md",
        "C:\\notes\\tea.md": "tea.md",
        "tea": "tea",
        "/home/ann/notes/": "notes",
        "": "",
    }
    assert {source: public_source(source) for source in names} == names
