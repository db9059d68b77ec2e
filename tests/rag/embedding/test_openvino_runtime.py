from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag.embedding import embedder, openvino_export
from rag.errors import EmbedderError

pytest.importorskip("openvino", reason="pip install 'rag-workbench[fast]'")
TEXTS = ["a b c", "d", "", "e f g h i j k l m n o p", "z " * 50]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A cache in which nothing is exported yet."""
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """The small model, exported and compiled once for this file."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_CACHE_DIR", str(folder))
        embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS)
    return folder / "models"


@pytest.fixture
def cache(empty, made):
    shutil.copytree(made, empty)
    return empty


@pytest.mark.parametrize(("kind", "pooling"), [("bert", "mean"), ("bert", "cls"), ("mpnet", "mean")])
def test_exported_models_agree_with_torch(tiny, empty, kind, pooling):
    folder = str(tiny(kind, pooling))
    fast, slow = embedder(folder, runtime="openvino"), embedder(folder, runtime="torch")
    assert (fast.embed_passages(TEXTS) * slow.embed_passages(TEXTS)).sum(
        axis=1
    ).min() > 0.995  # random weights amplify bf16
    assert fast.runtime == "openvino"


def test_other_pooling_runs_on_torch(tiny):
    assert embedder(str(tiny("bert", "max"))).runtime == "torch"


def test_a_model_is_exported_and_compiled_once(tiny, cache, monkeypatch):
    first = embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS)
    monkeypatch.setattr(openvino_export, "_export", lambda *_: pytest.fail("exported again"))
    monkeypatch.setattr("rag.embedding.openvino_runtime._keep", lambda *_: pytest.fail("compiled again"))
    np.testing.assert_array_equal(embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS), first)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [flip, lambda file: file.write_bytes(file.read_bytes()[:-7]), Path.unlink])
def test_damaged_files_are_made_again_and_never_loaded(tiny, cache, made, damage, caplog, monkeypatch):
    def export(_, aside):
        for file in made.glob("*/model.*"):
            shutil.copy(file, aside)

    monkeypatch.setattr(openvino_export, "_export", export)  # the true one takes seconds each time
    first = embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS)
    kept = sorted(file for file in cache.rglob("*") if file.is_file() and not file.name.endswith(".lock"))
    assert {file.name for file in kept} == {"model.xml", "model.bin", "compiled.blob", "manifest.json"}
    for file in kept:
        # The graph is read only where there is no compiled one.
        if file.parent.joinpath("model.xml").exists():
            for folder in cache.glob("*-*-*-*"):
                shutil.rmtree(folder)
        damage(file)
        caplog.clear()
        again = embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS)
        np.testing.assert_allclose(again, first, atol=1e-6)
        assert file.name in caplog.text
        caplog.clear()
        embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS)
        assert caplog.text == "", "it was not mended"


def test_a_graph_that_differs_is_refused_and_torch_steps_in(tiny, empty, monkeypatch, caplog):
    real = openvino_export._network

    def wrong(model):
        import torch

        network = real(model)

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
        embedder(str(tiny()), runtime="openvino").embed_passages(TEXTS)
    one = embedder(str(tiny()))
    with caplog.at_level(logging.WARNING):
        found = one.embed_passages(TEXTS)
    assert one.runtime == "torch"
    assert "differs from the model" in caplog.text
    np.testing.assert_allclose(found, embedder(str(tiny()), runtime="torch").embed_passages(TEXTS), atol=1e-6)
    assert not [p for p in empty.iterdir() if p.is_dir()], "a refused graph was kept"


def test_a_cache_that_cannot_be_written_leads_to_torch(tiny, tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("RAG_CACHE_DIR", str(blocked))
    one = embedder(str(tiny()))
    assert one.embed_queries(["a"]).shape == (1, 32)
    assert one.runtime == "torch"
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
