"""The public face of the package, and what importing it costs."""

import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import indexes
from indexes.registry import engine


def test_all_is_the_public_namespace():
    modules = {p.stem for p in pathlib.Path(indexes.__file__).parent.iterdir()}
    public = {n for n in vars(indexes) if not n.startswith("_")} - modules
    assert public - {"annotations", "TYPE_CHECKING", "Any", "os"} == set(indexes.__all__)
    assert len(set(indexes.__all__)) == len(indexes.__all__)


def test_no_module_hides_a_public_function():
    assert callable(indexes.dense)
    indexes.dense("flat", 2)
    indexes.terms("bm25")
    assert callable(indexes.dense)
    assert callable(indexes.terms)
    assert callable(indexes.load)
    assert callable(indexes.kind)


def test_importing_loads_no_engine():
    heavy = ("faiss", "hnswlib", "annoy", "scipy", "numba", "bm25s")
    code = f"import sys, indexes; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_table_is_sorted_and_leads_to_classes():
    assert list(indexes.engines) == sorted(indexes.engines)
    for name, row in indexes.engines.items():
        module, _, attribute = row.target.partition(":")
        assert importlib.util.find_spec(module), name
        cls = engine(name)
        assert (cls.name, cls.family, cls.__name__) == (name, row.family, attribute)
        assert row.install.startswith(("pip install ", "apt-get install ")), name
        assert row.line, name


def test_the_table_is_read_only():
    with pytest.raises(TypeError):
        indexes.engines["new"] = indexes.engines["flat"]


def test_a_missing_library_says_what_to_install(monkeypatch):
    from indexes import faiss_library

    faiss_library.faiss.cache_clear()
    monkeypatch.setitem(sys.modules, "faiss", None)
    try:
        with pytest.raises(indexes.EngineMissing, match="pip install faiss-cpu") as caught:
            indexes.dense("flat", 3)
        assert isinstance(caught.value, ImportError)
    finally:
        faiss_library.faiss.cache_clear()


@pytest.mark.parametrize(("engine", "library"), [("annoy", "annoy"), ("flann", "cv2"), ("usearch", "usearch")])
def test_an_extra_that_is_missing_says_what_to_install(monkeypatch, engine, library):
    for loaded in [name for name in sys.modules if name.startswith(f"{library}.")]:  # by a test before
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(indexes.EngineMissing, match=rf"rag-workbench\[{engine}\]"):
        indexes.dense(engine, 3).add(np.eye(3, dtype=np.float32), ids=[1, 2, 3])
    assert not indexes.engines[engine].installed
    assert indexes.engines["flat"].installed


def test_an_engine_outside_of_pip_says_what_to_install_and_is_one_skip(monkeypatch, tmp_path):
    from indexes import sptag_library, testing

    monkeypatch.delitem(sys.modules, "SPTAG", raising=False)
    monkeypatch.setattr(sptag_library, "DEBIAN", tmp_path)
    with pytest.raises(indexes.EngineMissing, match="apt-get install python3-sptag"):
        indexes.dense("sptag", 3)
    monkeypatch.delenv("RAG_ALL_ENGINES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install python3-sptag"):
        testing.needs("sptag")
    monkeypatch.setenv("RAG_ALL_ENGINES", "1")  # where all are promised, a missing one is not a skip
    with pytest.raises(indexes.EngineMissing):
        testing.needs("sptag")


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: indexes.dense("flatt", 3), "unknown index 'flatt': did you mean 'flat'"),
        (lambda: indexes.dense("bm25", 3), r"indexes\.terms"),
        (lambda: indexes.terms("flat"), r"indexes\.dense"),
        (lambda: indexes.kind("hnws:M=3"), "did you mean 'hnsw'"),
        (lambda: indexes.kind(3), "a spec is a string"),
        (lambda: indexes.parse(None), "a spec is a string"),
    ],
)
def test_wrong_names(call, match):
    with pytest.raises(indexes.InvalidInput, match=match):
        call()


def test_kind():
    assert indexes.kind("hnsw:M=32,ef=128") == "dense"
    assert indexes.kind(" bm25 : k1=1.2") == "terms"


def test_errors_are_what_a_python_reader_expects():
    assert issubclass(indexes.InvalidInput, ValueError)
    assert issubclass(indexes.UnknownParameter, indexes.InvalidInput)
    assert issubclass(indexes.UnknownId, KeyError)
    assert issubclass(indexes.IndexDamaged, ValueError)
    assert issubclass(indexes.IndexMissing, indexes.IndexDamaged)
    assert issubclass(indexes.IndexMissing, FileNotFoundError)
    assert str(indexes.UnknownId("as it is")) == "as it is"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist") as caught:
        indexes.load(tmp_path / "nowhere")
    assert isinstance(caught.value, indexes.IndexMissing)
    with pytest.raises(indexes.IndexDamaged, match=r"manifest\.json is missing"):
        indexes.load(tmp_path)


def test_the_words_of_the_docstring_hold():
    import doctest

    assert doctest.testmod(indexes).failed == 0
    assert doctest.testmod(indexes).attempted == 4
