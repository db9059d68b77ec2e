from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from rag.embedding import bert_graph, embedder
from rag.embedding.models import find_model
from rag.embedding.openvino_graph import has_graph
from rag.embedding.openvino_library import openvino
from rag.errors import EmbedderError

TEXTS = ["a b c", "d", "", "e f g h i j k l m n o p", "z " * 50]


def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def change(folder: Path, **facts: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))


def compiled(folder: Path, pooling: str):
    """The built graph in single precision, so that no processor's bf16 hides an error."""
    model = find_model(str(folder))
    return openvino().Core().compile_model(bert_graph.built(model, pooling), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def exact(run, folder: Path, texts=TEXTS) -> np.ndarray:
    """Vectors by a compiled graph, all texts at once."""
    model = find_model(str(folder))
    rows = embedder(str(folder))._tokenizer.ids(texts)
    width = max(map(len, rows))
    ids = np.array([row + [model.pad_token] * (width - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return run([ids, mask])[0]


def built(folder: Path, pooling: str) -> np.ndarray:
    return exact(compiled(folder, pooling), folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "camembert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_graph_computes_what_torch_computes(tiny, kind, pooling):
    folder = tiny(kind, pooling)
    theirs = embedder(str(folder), runtime="torch").embed_passages(TEXTS)
    assert (built(folder, pooling) * theirs).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize("half", [np.float16, np.float64])
def test_weights_of_another_precision_are_taken(tiny, tmp_path, half):
    folder = copied(tiny(), tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file({name: value.astype(half) for name, value in weights.items()}, folder / "model.safetensors")
    assert (built(folder, "mean") * built(tiny(), "mean")).sum(axis=1).min() > 0.9999


def test_the_prefix_and_the_pooler_of_other_writers_are_known(tiny, tmp_path):
    folder = copied(tiny(), tmp_path)
    weights = {f"bert.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    ids = np.arange(40)[None]
    save_file({**weights, "cls.predictions.bias": np.zeros(3), "bert.embeddings.position_ids": ids},
              folder / "model.safetensors")  # fmt: skip
    np.testing.assert_allclose(built(folder, "mean"), built(tiny(), "mean"), atol=1e-6)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda w: w.pop("encoder.layer.1.output.dense.bias"), r"has no weights 'encoder\.layer\.1\.output\.dense\."),
        (lambda w: w.update({"encoder.layer.0.gate.weight": np.zeros(2)}), r"unknown weights 'encoder\.layer\.0\.gate"),
        (lambda w: w.update({"encoder.layer.2.output.dense.bias": np.zeros(2)}), r"unknown weights 'encoder\.layer\.2"),
    ],
)  # fmt: skip
def test_a_file_with_other_weights_is_refused(tiny, tmp_path, edit, said):
    folder = copied(tiny(), tmp_path)
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(EmbedderError, match=said):
        embedder(str(folder), runtime="openvino").embed_queries(["a"])


def test_a_file_that_is_no_safetensors_is_named(tiny, tmp_path):
    folder = copied(tiny(), tmp_path)
    (folder / "model.safetensors").write_bytes(b"\xff" * 200)
    with pytest.raises(EmbedderError, match=r"model\.safetensors: cannot be read"):
        embedder(str(folder), runtime="openvino").embed_queries(["a"])


@pytest.mark.parametrize(
    "facts",
    [
        {"hidden_act": "gelu_new"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"model_type": "new"},
    ],
)
def test_a_model_that_computes_otherwise_is_not_built(tiny, tmp_path, facts):
    folder = copied(tiny(), tmp_path)
    change(folder, **facts)
    assert not has_graph(find_model(str(folder)))
    assert has_graph(find_model(str(tiny())))


def test_the_default_needs_no_torch(default_model, tmp_path):
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'sentence_transformers'): sys.modules[name] = None\n"
        "from rag.embedding import embedder\n"
        "print(embedder().embed_queries(['Otters hold hands.']).shape)"
    )
    env = {**os.environ, "RAG_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 384)\n", "")


@pytest.mark.slow
def test_many_texts_have_torchs_vectors(default_model):
    """Stored knowledge bases stay valid: their vectors are those of the new graph."""
    picked = random.Random(0)
    words = ["otter", "Überprüfung", "the", "index.search(k=10)", "漢字", "1,234.50 €", "not", "\n", "délai", "is"]
    lengths = [picked.choice((1, 3, 5, 8, 12)) for _ in range(290)] + [100] * 10
    texts = [" ".join(picked.choices(words, k=length)) for length in sorted(lengths)]
    theirs = embedder(runtime="torch", device="cpu").embed_passages(texts)
    run = compiled(default_model.folder, "mean")
    for start in range(0, 300, 50):
        part = slice(start, start + 50)
        assert (exact(run, default_model.folder, texts[part]) * theirs[part]).sum(axis=1).min() >= 0.99997
