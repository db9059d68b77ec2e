"""Folders that are written whole or not at all, and refused when damaged."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from indexes import IndexDamaged, files


def fill(text):
    return lambda folder: (folder / "a.txt").write_text(text)


def test_write_then_verify(tmp_path):
    files.write(tmp_path / "x", {"kind": "k", "n": 3}, fill("one"))
    manifest = files.verify(tmp_path / "x")
    assert (manifest["kind"], manifest["n"], manifest["files"]["a.txt"]["bytes"]) == ("k", 3, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_a_failed_write_changes_nothing(tmp_path):
    files.write(tmp_path / "x", {}, fill("one"))

    def half(folder):
        fill("two")(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path / "x", {}, half)
    assert (tmp_path / "x" / "a.txt").read_text() == "one"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_no_parent_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "no" / "x", {}, fill("one"))


def test_without_an_atomic_exchange(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    files.write(tmp_path / "x", {}, fill("one"))
    files.write(tmp_path / "x", {}, fill("two"))
    assert (tmp_path / "x" / "a.txt").read_text() == "two"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


CRASH = """
import json, os, sys
from pathlib import Path
from indexes import files

way, root = sys.argv[1], Path(sys.argv[2])
if way == "two renames":
    files._exchange = lambda one, other: False
count = at = 0

def step(call):
    def wrapped(*args, **options):
        global count
        count += 1
        if count == at:
            os._exit(77)
        return call(*args, **options)
    return wrapped

def fill(*names):
    return lambda folder: [(folder / name).write_text(names[-1]) for name in names] and None

outcomes, code = [], 77
while code == 77:
    at += 1
    target = root / str(at)
    target.mkdir()
    files.write(target / "x", {}, fill("a.txt"))
    child = os.fork()
    if not child:
        os.fsync, os.rename, os.open = step(os.fsync), step(os.rename), step(os.open)
        files._exchange, files.shutil.rmtree = step(files._exchange), step(files.shutil.rmtree)
        files.write(target / "x", {}, fill("a.txt", "b.txt"))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    names = sorted(files.verify(target / "x")["files"])
    outcomes.append([names, (target / "x" / "a.txt").read_text()])
print(json.dumps([code, outcomes]))
"""


@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_killed_at_any_step_leaves_the_old_or_the_new(tmp_path, way):
    """The process dies before its n-th call of open, fsync, rename or remove, for every n until it gets through."""
    argv = [sys.executable, "-c", CRASH, way, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    code, outcomes = json.loads(done.stdout)
    assert code == 0
    old, new = [["a.txt"], "a.txt"], [["a.txt", "b.txt"], "b.txt"]
    n_old = outcomes.count(old)
    assert outcomes == [old] * n_old + [new] * (len(outcomes) - n_old)
    assert n_old >= 10, "kills before the new one stands"
    assert len(outcomes) - n_old >= 2, "kills after that"


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("files"),
        lambda m: m.update(files=[]),
        lambda m: m["files"].update({"../../etc/passwd": m["files"]["a.txt"]}),
        lambda m: m["files"].update({"": m["files"]["a.txt"]}),
        lambda m: m["files"].update({"manifest.json": m["files"]["a.txt"]}),
        lambda m: m["files"]["a.txt"].update(bytes=2**63),
        lambda m: m["files"]["a.txt"].update(sha256=None),
        lambda m: m["files"].update({"a.txt": 3}),
    ],
)
def test_a_manifest_signed_anew_with_nonsense(tmp_path, change):
    files.write(tmp_path / "x", {}, fill("one"))
    path = tmp_path / "x" / files.MANIFEST
    manifest = json.loads(path.read_text())
    change(manifest)
    manifest["digest"] = files._own_digest(manifest)
    path.write_text(json.dumps(manifest, indent=1) + "\n")
    with pytest.raises(IndexDamaged):
        files.verify(tmp_path / "x")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"digest": "x"}',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b"[" * 100_000,
        b"\xff",
        b" " * (1 << 21),
    ],
    ids=lambda r: repr(r[:12]),
)
def test_a_manifest_that_is_none(tmp_path, raw):
    files.write(tmp_path / "x", {}, fill("one"))
    (tmp_path / "x" / files.MANIFEST).write_bytes(raw)
    with pytest.raises(IndexDamaged, match=r"manifest\.json"):
        files.verify(tmp_path / "x")


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "x").write_text("no folder")
    with pytest.raises(IndexDamaged, match=r"manifest\.json"):
        files.verify(tmp_path / "x")


def test_a_link_to_a_folder_is_replaced_not_followed(tmp_path):
    files.write(tmp_path / "real", {}, fill("one"))
    (tmp_path / "x").symlink_to(tmp_path / "real")
    files.write(tmp_path / "x", {}, fill("two"))
    assert (tmp_path / "real" / "a.txt").read_text() == "one"
    assert (tmp_path / "x" / "a.txt").read_text() == "two"


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.empty((0, 3), np.float32), np.arange(3)[::-1]])
def test_arrays_round_trip(tmp_path, array):
    files.write_array(tmp_path / "a.npy", array)
    assert (np.load(tmp_path / "a.npy", allow_pickle=False) == array).all()
    shape = tuple(None for _ in array.shape)
    back = files.read_array(tmp_path / "a.npy", array.dtype, shape)
    assert back.dtype == array.dtype
    assert (back == array).all()


def test_an_array_of_another_kind(tmp_path):
    files.write_array(tmp_path / "a.npy", np.arange(3))
    for dtype, shape in ((np.float32, (3,)), (np.int64, (4,)), (np.int64, (3, 1))):
        with pytest.raises(IndexDamaged, match=r"a\.npy"):
            files.read_array(tmp_path / "a.npy", dtype, shape)


def test_pickled_objects_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([os.getcwd], object), allow_pickle=True)
    with pytest.raises(IndexDamaged, match=r"a\.npy"):
        files.read_array(tmp_path / "a.npy", object, (1,))
