"""No space, no permission, a failing disk: a clear error, the old state whole, and success once the cause is gone."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rag
from indexes import files
from rag.embedding import HashingEmbedder
from rag.errors import StoreUnwritable
from rag.knowledge_base import KnowledgeBase
from rag.store import live, session

DRIVER = Path(__file__).parents[2] / "pipelines" / "selftest" / "planted.py"


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    root = str(Path(rag.__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, str(DRIVER), "disk"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_full_disk_is_said_and_harms_nothing(said: dict[str, Any]) -> None:
    assert said["full"]["bad"] == []
    assert said["full"]["refused"] >= 6, "the limits must hit at many moments"
    assert said["full"]["done"] >= 1


@pytest.mark.slow
def test_a_read_only_folder_can_be_searched_and_verified(said: dict[str, Any]) -> None:
    rights = said["rights"]
    assert rights["read"]
    assert rights["verify"]
    assert rights["untouched"]
    assert rights["others"], "another user who may read and not write"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("write", "readonly"),
        ("files", "readonly"),
        ("no read", "readonly/store.sqlite"),
        ("create", "closed"),
        ("long", "xxx"),
        ("log", "killed/store.sqlite-wal"),
    ],
)
def test_missing_rights_are_said_with_the_path(said: dict[str, Any], case: str, path: str) -> None:
    status, message = said["rights"][case]
    assert status == 0, message
    assert message.startswith("unwritable")
    assert path in message


@pytest.mark.slow
def test_mended_permissions_are_enough(said: dict[str, Any]) -> None:
    assert said["rights"]["again"] == [0, "done"]


def failing(monkeypatch: pytest.MonkeyPatch, nth: int, code: int) -> list[str]:
    """Make the nth write, sync or rename of an index or folder fail, and all after it."""
    calls: list[str] = []

    def wrap(name: str, work: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            calls.append(name)
            if len(calls) >= nth:
                raise OSError(code, "made to fail", str(args[0]))
            return work(*args, **kwargs)

        return call

    for owner, name in (
        (files, "sync"),
        (files, "_put"),
        (files, "write_array"),
        (session, "sync_folder"),
        (Path, "chmod"),
    ):
        monkeypatch.setattr(owner, name, wrap(name, getattr(owner, name)))
    from rag.store import generations

    monkeypatch.setattr(generations, "sync_folder", wrap("sync_folder", generations.sync_folder))
    return calls


@pytest.mark.slow
def test_every_failing_write_of_an_index_leaves_the_old_state(
    make: Callable[..., KnowledgeBase], docs: Callable, answers: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TAIL_MIN", 10)
    kb = make(20)
    nth = faults = 0
    while True:
        nth += 1
        code = (errno.ENOSPC, errno.EIO, errno.EDQUOT)[nth % 3]
        with monkeypatch.context() as patch:
            calls = failing(patch, nth, code)
            try:
                kb.add(docs(20, version=nth + 1))
            except StoreUnwritable as error:
                assert error.errno == code  # noqa: PT017
                assert str(kb.path) in str(error)  # noqa: PT017
                faults += 1
            else:
                assert len(calls) < nth, "a fault was swallowed"
                break
        # Documents were acknowledged before: they are there, and found, in this process and in the next.
        assert len(kb.document_ids()) == 20
        with KnowledgeBase.open(kb.path, embedder=HashingEmbedder(32)) as reader:
            assert reader.verify().ok
            assert answers(reader) == answers(kb)
    assert faults > 10
    assert kb.verify().ok
    kb.close()
    KnowledgeBase.open(kb.path, mode="w").close()
    assert len(list((kb.path / "generations").iterdir())) == 2, "stumps go with the next opening"
