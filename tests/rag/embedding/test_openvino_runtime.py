from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.embedding import embedder, openvino_export
from rag.errors import EmbedderError

EXPORTED = "mpnet"  # a kind whose graph torch makes
TEXTS = ["a b c", "d", "", "e f g h i j k l m n o p", "z " * 50]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A cache in which nothing is exported yet."""
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """Two small models, compiled once for this file."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_CACHE_DIR", str(folder))
        for kind in ("bert", EXPORTED):
            embedder(str(tiny(kind)), runtime="openvino").embed_passages(TEXTS)
    return folder / "models"


@pytest.fixture
def cache(empty, made):
    shutil.copytree(made, empty)
    return empty


@pytest.mark.parametrize(
    ("kind", "pooling"), [("bert", "mean"), ("roberta", "cls"), ("mpnet", "mean"), ("distilbert", "cls")]
)
def test_models_agree_with_torch(tiny, empty, kind, pooling):
    folder = str(tiny(kind, pooling))
    fast, slow = embedder(folder, runtime="openvino"), embedder(folder, runtime="torch")
    assert (fast.embed_passages(TEXTS) * slow.embed_passages(TEXTS)).sum(
        axis=1
    ).min() > 0.995  # random weights amplify bf16
    assert fast.runtime == "openvino"


def test_other_pooling_runs_on_torch(tiny):
    assert embedder(str(tiny("bert", "max"))).runtime == "torch"


@pytest.mark.parametrize("kind", ["bert", EXPORTED])
def test_a_model_is_built_and_compiled_once(tiny, cache, monkeypatch, kind):
    first = embedder(str(tiny(kind)), runtime="openvino").embed_passages(TEXTS)
    monkeypatch.setattr("rag.embedding.openvino_runtime.graph", lambda *_: pytest.fail("built or exported again"))
    monkeypatch.setattr("rag.embedding.openvino_runtime._keep", lambda *_: pytest.fail("compiled again"))
    np.testing.assert_array_equal(embedder(str(tiny(kind)), runtime="openvino").embed_passages(TEXTS), first)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [flip, lambda file: file.write_bytes(file.read_bytes()[:-7]), Path.unlink])
def test_damaged_files_are_made_again_and_never_loaded(tiny, cache, made, damage, caplog, monkeypatch):
    def export(_model, _pooling, aside):
        for file in made.glob("*/model.*"):
            shutil.copy(file, aside)

    monkeypatch.setattr(openvino_export, "_export", export)  # the true one takes seconds each time
    first = embedder(str(tiny(EXPORTED)), runtime="openvino").embed_passages(TEXTS)
    (graph,) = (file.parent.name for file in cache.rglob("model.xml"))
    mine = graph.partition("-")[0]  # of this model
    kept = sorted(file for file in cache.glob(f"{mine}-*/*") if file.is_file())
    assert {file.name for file in kept} == {"model.xml", "model.bin", "compiled.blob", "manifest.json"}
    for file in kept:
        # The graph is read only where there is no compiled one.
        if file.parent.joinpath("model.xml").exists():
            for folder in cache.glob(f"{mine}-*-*-*"):
                shutil.rmtree(folder)
        damage(file)
        caplog.clear()
        again = embedder(str(tiny(EXPORTED)), runtime="openvino").embed_passages(TEXTS)
        np.testing.assert_allclose(again, first, atol=1e-6)
        assert file.name in caplog.text
        caplog.clear()
        embedder(str(tiny(EXPORTED)), runtime="openvino").embed_passages(TEXTS)
        assert caplog.text == "", "it was not mended"


def test_a_graph_that_differs_is_refused_and_torch_steps_in(tiny, empty, monkeypatch, caplog):
    real = openvino_export._network

    def wrong(model, pooling):
        import torch

        network = real(model, pooling)

        class Wrong(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.network = network

            def forward(self, ids, mask):  # right for the traced shape alone
                vectors, states = self.network(ids, mask)

                return vectors * (1.0 if ids.shape[1] == 16 else -1.0), states

        return Wrong().eval()

    monkeypatch.setattr(openvino_export, "_network", wrong)
    with pytest.raises(EmbedderError, match="differs from the model"):
        embedder(str(tiny(EXPORTED)), runtime="openvino").embed_passages(TEXTS)
    one = embedder(str(tiny(EXPORTED)))
    with caplog.at_level(logging.WARNING):
        found = one.embed_passages(TEXTS)
    assert one.runtime == "torch"
    assert "differs from the model" in caplog.text
    np.testing.assert_allclose(found, embedder(str(tiny(EXPORTED)), runtime="torch").embed_passages(TEXTS), atol=1e-6)
    assert not [p for p in empty.iterdir() if p.is_dir()], "a refused graph was kept"


@pytest.mark.parametrize(("kind", "runtime"), [("bert", "openvino"), (EXPORTED, "torch")])
def test_a_cache_that_cannot_be_written_is_done_without(tiny, tmp_path, monkeypatch, caplog, kind, runtime):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("RAG_CACHE_DIR", str(blocked))
    one = embedder(str(tiny(kind)))
    assert one.embed_queries(["a"]).shape == (1, 32)
    assert one.runtime == runtime
    assert str(blocked) in caplog.text


def test_order_is_kept_over_many_batches(tiny, cache, monkeypatch):
    monkeypatch.setattr("rag.embedding.openvino_runtime._WINDOW", 37)
    monkeypatch.setattr("rag.embedding.openvino_runtime._BATCH_TOKENS", 64)
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefghij"), rng.integers(0, 30))) for _ in range(200)]
    fast, slow = embedder(str(tiny()), runtime="openvino"), embedder(str(tiny()), runtime="torch")
    assert (fast.embed_passages(texts) * slow.embed_passages(texts)).sum(
        axis=1
    ).min() > 0.995  # random weights amplify bf16


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused_not_left_hanging(tiny, cache):
    one = embedder(str(tiny()), runtime="openvino")
    one.embed_queries(["a"])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            one.embed_queries(["a"])
        except EmbedderError as error:
            code = 42 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
