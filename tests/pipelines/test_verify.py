"""``rag verify``: what it says and returns of indexes that find too little, and of those that another version saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexes
from indexes import files
from pipelines.cli import run
from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.store.database import DATABASE, open_writable
from rag.store.generations import manifest_digest

SPEC = "hnsw"


@pytest.fixture
def kb(tmp_path: Path) -> str:
    place = tmp_path / "kb"
    with KnowledgeBase.create(place, embedder="hashing-64", indexes=[SPEC, "bm25"]) as made:
        words = [f"word{n % 37} item{n} other{n % 11}" for n in range(300)]
        made.add([Document.from_text(text, id=f"d{n}") for n, text in enumerate(words)])
        made.reindex([SPEC, "bm25"])
    return str(place)


def generation(kb: str, spec: str) -> Path:
    with open_writable(Path(kb) / DATABASE) as db:
        (name,) = (db.execute("select folder from generations where spec = ?", (spec,)).get,)
    return Path(kb) / "generations" / name


def adopt(kb: str, spec: str) -> None:
    """Have the store take the files of a generation as they are now for those that it wrote."""
    digest = manifest_digest(generation(kb, spec))
    db = open_writable(Path(kb) / DATABASE)
    db.execute("update generations set digest = ? where spec = ?", (digest, spec))
    db.close()


def verified(kb: str, capsys: Any) -> tuple[int, list[dict[str, Any]]]:
    code = run(["verify", kb, "--json"])
    return code, json.loads(capsys.readouterr().out)["problems"]


def test_an_index_of_other_vectors_is_found_out(kb: str, capsys: Any) -> None:
    """The planted defect: the right ids and intact files, but the vectors of something else."""
    assert run(["verify", kb]) == 0
    capsys.readouterr()
    place = generation(kb, SPEC)
    before = indexes.load(place)
    other = indexes.dense(SPEC, 64, metric="cosine")
    other.build(np.random.default_rng(0).standard_normal((len(before), 64)).astype(np.float32), before.ids())
    other.save(place)
    adopt(kb, SPEC)
    code, problems = verified(kb, capsys)
    assert code == 1
    assert [each["kind"] for each in problems] == ["recall"]
    assert "the engine should reach 0.9" in problems[0]["detail"]
    assert run(["repair", kb]) == 0
    capsys.readouterr()
    assert verified(kb, capsys) == (0, [])


@pytest.mark.parametrize("spec", [SPEC, "bm25"])
def test_an_index_of_another_version_is_not_called_damaged(kb: str, spec: str, capsys: Any) -> None:
    path = generation(kb, spec) / files.MANIFEST
    manifest = {**json.loads(path.read_text()), "format": 0}
    manifest["digest"] = files._own_digest(manifest)
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=True) + "\n")
    adopt(kb, spec)
    code, problems = verified(kb, capsys)
    assert (code, [each["kind"] for each in problems]) == (1, ["outdated"])
    assert run(["search", kb, "word3"]) == 9
    said = " ".join(capsys.readouterr().err.split())
    assert "saved by an earlier version" in said
    assert "`rag repair` builds it anew" in said
    assert "damage" not in said
    assert run(["repair", kb]) == 0
    assert run(["search", kb, "word3"]) == 0
    capsys.readouterr()
    assert verified(kb, capsys) == (0, [])
