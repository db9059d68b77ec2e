"""Both runtimes of the default model against the bare library, and how calls behave."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from rag.embedding import Embedder, embedder, fingerprint
from rag.errors import ExtraMissing, InvalidInput

RUNTIMES = ["torch", "openvino"]


@pytest.fixture(scope="module", params=RUNTIMES)
def one(request, default_model):
    return embedder(runtime=request.param)


@pytest.mark.slow
def test_vectors_are_the_bare_librarys(one, texts, reference):
    found = one.embed_passages(texts)
    cosines = (found * reference).sum(axis=1)
    assert cosines.min() > 0.9999, cosines
    np.testing.assert_allclose((one.embed_queries(texts[:3]) * reference[:3]).sum(axis=1), 1, atol=1e-4)
    for text, want in list(zip(texts, reference, strict=True))[2:8]:
        assert one.embed_queries([text])[0] @ want > 0.9999, text


@pytest.mark.slow
def test_a_text_has_the_same_vector_in_any_company(one, texts, reference):
    rng = np.random.default_rng(0)
    order = rng.integers(0, len(texts), 40)
    found = one.embed_passages([texts[i] for i in order])
    assert (found * reference[order]).sum(axis=1).min() > 0.9999


def test_shape_and_kind(one):
    assert isinstance(one, Embedder)
    found = one.embed_passages(["a", "b c"])
    assert found.dtype == np.float32
    assert found.shape == (2, one.dim) == (2, 384)
    assert one.embed_queries([]).shape == one.embed_passages([]).shape == (0, 384)


@pytest.mark.slow
def test_threads_get_what_one_thread_gets(one, texts, reference):
    wrong: list[float] = []

    def work(shift: int) -> None:
        for turn in range(3):
            rows = [(shift + turn + i) % len(texts) for i in range(1 + (shift + turn) % 4)]
            found = one.embed_queries([texts[i] for i in rows])
            wrong.extend(c for c in (found * reference[rows]).sum(axis=1) if c < 0.9999)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_runtimes_share_identity_and_fingerprint(default_model):
    a, b = (embedder(runtime=name) for name in RUNTIMES)
    assert (a.name, a.revision, a.dim) == (b.name, b.revision, b.dim)
    assert (fingerprint(a) * fingerprint(b)).sum(axis=1).min() >= 0.9999


def test_the_query_path_is_light_silent_and_leaves_the_home_alone(default_model, tmp_path):
    embedder(runtime="openvino").embed_queries(["exported and compiled"])
    code = (
        "import sys; from rag.embedding import embedder, fingerprint\n"
        "e = embedder(); assert e.runtime == 'openvino'; e.embed_queries(['q']); e.tokenizer.offsets(['q'])\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'openvino_telemetry', 'huggingface_hub'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "import openvino; assert callable(openvino.convert_model)"
    )
    import os

    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_prefixes_are_put_before_texts(tiny):
    for runtime in RUNTIMES:
        plain = embedder(str(tiny()), runtime=runtime)
        other = embedder(str(tiny()), runtime=runtime, query_prefix="q ", passage_prefix="p ")
        np.testing.assert_allclose(other.embed_queries(["a b"]), plain.embed_queries(["q a b"]), atol=2e-2)
        np.testing.assert_allclose(other.embed_passages(["a b"]), plain.embed_passages(["p a b"]), atol=2e-2)
        assert (other.embed_queries(["a b"]) * plain.embed_queries(["a b"])).sum() < 0.99


def test_the_models_own_prompts_are_used(tiny, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny(), folder)
    config = folder / "config_sentence_transformers.json"
    import json

    config.write_text(json.dumps(json.loads(config.read_text()) | {"prompts": {"query": "q ", "document": "d "}}))
    one, plain = embedder(str(folder), runtime="torch"), embedder(str(tiny()), runtime="torch")
    np.testing.assert_allclose(one.embed_queries(["a"]), plain.embed_queries(["q a"]), atol=1e-6)
    np.testing.assert_allclose(one.embed_passages(["a"]), plain.embed_passages(["d a"]), atol=1e-6)
    silent = embedder(str(folder), runtime="torch", query_prefix="")
    np.testing.assert_allclose(silent.embed_queries(["a"]), plain.embed_queries(["a"]), atol=1e-6)


def test_a_wrong_runtime_is_refused(tiny, monkeypatch):
    with pytest.raises(InvalidInput, match="runtime='onnx'"):
        embedder(str(tiny()), runtime="onnx")
    with pytest.raises(InvalidInput, match="cuda"):
        embedder(str(tiny()), runtime="openvino", device="cuda")
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert embedder(str(tiny())).runtime == "torch"
    with pytest.raises(ExtraMissing, match="pip install openvino"):
        embedder(str(tiny()), runtime="openvino")


@pytest.mark.parametrize("package", ["torch", "sentence_transformers"])
def test_without_torch_bert_runs_and_other_models_say_what_they_need(tiny, monkeypatch, package):
    fine = [str(tiny("bert", "mean")), str(tiny("xlm-roberta", "cls"))]
    others = [str(tiny("mpnet", "mean")), str(tiny("bert", "max"))]
    monkeypatch.setitem(sys.modules, package, None)
    assert {embedder(folder).runtime for folder in fine} == {"openvino"}
    for folder in others:
        with pytest.raises(ExtraMissing, match=r"embedding model 'model' needs .*rag-workbench\[torch\]"):
            embedder(folder)
    with pytest.raises(ExtraMissing, match=r"rag-workbench\[torch\]"):
        embedder(str(tiny()), device="cuda")
    with pytest.raises(ExtraMissing, match=r"rag-workbench\[torch\]"):
        embedder(str(tiny()), runtime="torch")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_language_models_and_cross_encoders_say_what_they_need(monkeypatch, package):
    from rag.embedding.torch_runtime import cross_encoder
    from rag.evaluation.language_models import Predictor
    from rag.llm.models import language_model

    for name in {package, "sentence_transformers"}:
        monkeypatch.setitem(sys.modules, name, None)
    for make in (
        lambda: language_model("transformers:some/model"),
        lambda: Predictor.load("x"),
        lambda: cross_encoder("x"),
    ):
        with pytest.raises(ExtraMissing, match=r"rag-workbench\[torch\]"):
            make()
