"""The flann index: the contract."""

import functools
import subprocess
import sys

import pytest

import indexes
from indexes import files, testing
from indexes.testing.oracle import cloud
from indexes.testing.random_walk import model_test

testing.needs("flann")


@pytest.fixture(scope="module", params=["flann", pytest.param("flann:algorithm=kdtree", marks=pytest.mark.slow)])
def factory(request):
    return functools.partial(indexes.dense, request.param)


class TestNumbers(testing.NumbersContract): ...


class TestChanges(testing.ChangesContract): ...


class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract):
    not_saved = ("copy",)  # FLANN's own copy of the vectors, made again on loading


class TestThreads(testing.ThreadsContract): ...


@pytest.mark.slow
class TestAgeing(testing.AgeingContract): ...


@pytest.mark.slow
class TestCrashes(testing.CrashesContract): ...


TestModel = model_test(functools.partial(indexes.dense, "flann:branching=4,checks=8"))


@pytest.mark.parametrize(
    "call",
    [
        "cv2.flann.Index().knnSearch(x, 1)",
        "ix = cv2.flann.Index(); ix.build(x, dict(algorithm=2)); ix.release(); ix.knnSearch(x, 1)",
        "cv2.flann.Index().build(x[:0], dict(algorithm=1))",
    ],
)
def test_the_traps_that_kill_without_us(call):
    """If this fails, OpenCV has mended it."""
    code = f"import cv2, numpy as np; x = np.random.default_rng(0).random((300, 8), dtype=np.float32); {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300, check=False)
    assert done.returncode < 0, done.stderr


def test_composite_trees_are_not_offered():
    with pytest.raises(indexes.InvalidInput, match="one of kmeans, kdtree"):
        indexes.dense("flann:algorithm=composite", 8)


def test_trees_of_other_vectors_are_refused(tmp_path):
    """What OpenCV's ``load`` turns down has to be asked about: a search would crash."""
    index = indexes.dense("flann", 8)
    index.build(cloud(300, 8), range(300))
    index.save(tmp_path / "index")
    facts = {k: v for k, v in files.verify(tmp_path / "index").items() if k not in ("files", "digest")}

    def fill(folder):
        for name in ("ids.npy", "young.npy", "plain.npy"):
            (folder / name).write_bytes((tmp_path / "index" / name).read_bytes())
        (folder / "trees.flann").write_bytes(b"no trees at all" * 100)

    files.write(tmp_path / "other", facts, fill)
    with pytest.raises(indexes.IndexDamaged, match=r"trees\.flann"):
        indexes.load(tmp_path / "other")
