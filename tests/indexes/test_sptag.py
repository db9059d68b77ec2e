"""The sptag index: the contract."""

import functools
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import indexes
from indexes import sptag_library, testing
from indexes.testing.oracle import cloud
from indexes.testing.random_walk import model_test

testing.needs("sptag")


@pytest.fixture(scope="module")
def factory():
    return functools.partial(indexes.dense, "sptag:cef=50,refine_checks=128")


@pytest.fixture(scope="module")
def kdt():
    return functools.partial(indexes.dense, "sptag:algorithm=kdt")


class TestNumbers(testing.NumbersContract): ...


@pytest.mark.slow
class TestChanges(testing.ChangesContract): ...


@pytest.mark.slow
class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract):
    not_saved = ("saved graph",)  # the bytes of SPTAG's files, kept to be written again


class TestThreads(testing.ThreadsContract): ...


@pytest.mark.slow
class TestNumbersOfKDT(testing.NumbersContract):
    @pytest.fixture
    def factory(self, kdt):
        return kdt


@pytest.mark.slow
class TestFilterOfKDT(testing.FilterContract):
    @pytest.fixture
    def factory(self, kdt):
        return kdt


@pytest.mark.slow
class TestFilesOfKDT(testing.FilesContract):
    not_saved = TestFiles.not_saved

    @pytest.fixture
    def factory(self, kdt):
        return kdt


@pytest.mark.slow
class TestAgeing(testing.AgeingContract): ...


@pytest.mark.slow
class TestCrashes(testing.CrashesContract): ...


TestModel = model_test(functools.partial(indexes.dense, "sptag"))


PRELUDE = """
import sys, numpy as np
from indexes import sptag_library
x = np.random.default_rng(0).random((300, 8), dtype=np.float32)
bare = sptag_library.load().AnnIndex("BKT", "Float", 8)
bare.SetBuildParam("TPTNumber", "0", "Index")
bare.Build(x.tobytes(), 300, False)
"""


def child(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("call", ["bare.Search(x[:1].tobytes(), -1)", "bare.BatchSearch(x.tobytes(), 300, -1, False)"])
def test_the_traps_that_kill_without_us(call):
    """If this fails, SPTAG has mended it."""
    assert child(PRELUDE + call).returncode < 0


def test_sptag_does_log_to_stdout_without_us():
    """If this fails, SPTAG has become quiet."""
    assert "Build" in child(PRELUDE).stdout


def test_nothing_is_printed(tmp_path):
    """Neither building nor loading nor searching writes to C's stdout, which a command's answer goes to."""
    code = f"""
import indexes
from indexes.testing.oracle import cloud
index = indexes.dense("sptag", 32)
index.build(cloud(300), range(300))
for checks in (10, 500):
    index.search(cloud(5), 3, params={{"max_check": checks}})
index.save({str(tmp_path / "index")!r})
print(len(indexes.load({str(tmp_path / "index")!r})), flush=True)
import ctypes; ctypes.CDLL(None).puts(b"heard")
"""
    done = child(code)
    assert (done.stdout, done.stderr, done.returncode) == ("300\nheard\n", "", 0)


def test_a_build_that_fails_says_why(monkeypatch):
    index = indexes.dense("sptag", 8)
    monkeypatch.setattr(tempfile, "tempdir", "/proc")  # where nothing can be written
    with pytest.raises(OSError, match="/proc"):
        index.build(cloud(300, 8), range(300))
    monkeypatch.undo()
    monkeypatch.setattr(sptag_library, "__file__", "/nowhere/sptag_library.py")
    with pytest.raises(RuntimeError, match="nowhere"):
        index.build(cloud(300, 8), range(300))
    with pytest.raises(indexes.NotBuilt, match="build or load"):
        index.search(cloud(1, 8), 1)
    monkeypatch.undo()
    index.build(cloud(300, 8), range(300))
    assert index.search(cloud(1, 8), 1).ids.tolist() == [[0]]


def test_two_builds_are_the_same_to_the_byte(tmp_path):
    for name in ("a", "b"):
        index = indexes.dense("sptag:algorithm=kdt", 32)
        index.build(cloud(1000), range(1000))
        index.save(tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_equal_vectors_do_not_hide_each_other():
    """SPTAG returns one of equal vectors; far more of them than a search asks for are all found, and nothing else."""
    x = np.concatenate([cloud(300), np.repeat(cloud(20, 32, 6) + 40, 16, axis=0)])
    index = indexes.dense("sptag", 32)
    index.build(x, range(len(x)))
    found = index.search(x[300::16], 16).ids
    assert (np.sort(found, axis=1) == np.arange(300, 620).reshape(20, 16)).all()
    index.remove(range(300, 618))
    assert set(index.search(x[-1:], 2).ids[0].tolist()) == {618, 619}
