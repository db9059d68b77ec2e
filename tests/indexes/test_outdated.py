"""Indexes that another version saved: refused by name, with what to do, and never called damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexes
from indexes import IndexOutdated, files
from indexes.registry import engine, row

DENSE = [name for name in indexes.engines if row(name).family == "dense"]
TERMS = [name for name in indexes.engines if row(name).family == "terms"]


def saved(name: str, folder: Path) -> Path:
    try:
        engine(name)
        if name == "bits":
            index: Any = indexes.dense(name, 8, metric="l2")
            index.build(np.eye(8, dtype=np.float32), np.arange(8))
        elif name in DENSE:
            index = indexes.dense(name, 8, metric="cosine")
            index.build(np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32), np.arange(40))
        else:
            index = indexes.terms(name)
            index.build([{"otter": 1.0}, {"badger": 2.0}] if name == "sparse" else [["otter"], ["badger"]], [0, 1])
    except indexes.EngineMissing as error:
        pytest.skip(str(error))
    index.save(folder)
    return folder


def signed(folder: Path, **changes: Any) -> None:
    """Change facts of a manifest and sign it, as another version would have written it."""
    path = folder / files.MANIFEST
    manifest = {**json.loads(path.read_text()), **changes}
    manifest["digest"] = files._own_digest(manifest)
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=True) + "\n")


@pytest.mark.parametrize("name", [*DENSE, *TERMS])
@pytest.mark.parametrize(("step", "said"), [(-1, "saved by an earlier version"), (1, "saved by another version")])
def test_another_format_is_named(tmp_path: Path, name: str, step: int, said: str):
    folder = saved(name, tmp_path / "index")
    signed(folder, format=engine(name).format + step)
    with pytest.raises(IndexOutdated) as caught:
        indexes.load(folder)
    assert said in str(caught.value)
    assert "build the index anew" in str(caught.value)
    assert "damage" not in str(caught.value)


@pytest.mark.parametrize("name", ["ivf", "hnsw", "flat", "annoy"])
def test_files_of_another_form_in_the_same_format_are_named(tmp_path: Path, name: str):
    """Before inner products were searched as distances, such an index had a column fewer."""
    folder = saved(name, tmp_path / "index")
    signed(folder, dim=7)
    with pytest.raises(IndexOutdated, match="as they were saved, by another version or program"):
        indexes.load(folder)


def test_parameters_of_another_version_are_named(tmp_path: Path):
    folder = saved("hnsw", tmp_path / "index")
    signed(folder, build={"M": 32, "levels": 3})
    with pytest.raises(IndexOutdated, match="does not describe an index of this version"):
        indexes.load(folder)


def test_altered_bytes_are_still_damage(tmp_path: Path):
    folder = saved("flat", tmp_path / "index")
    path = folder / "ids.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(indexes.IndexDamaged) as caught:
        indexes.load(folder)
    assert not isinstance(caught.value, IndexOutdated)
