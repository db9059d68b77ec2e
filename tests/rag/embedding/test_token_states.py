"""Token states: the model's own last layer, one row a token, on both runtimes; spans that point into the text."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rag.embedding import TokenEmbedder, embedder

TEXTS = ["a b c", "d", "", "e f g h i j k l m n o p", "z " * 50, "q\N{GRINNING FACE} r"]


def bare(folder: str, text: str) -> np.ndarray:
    """The last layer's states by transformers alone, without the special tokens, of unit length."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        states = model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=24)).last_hidden_state[0]
    rows = states[1:-1].numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_states_are_the_models_own(tiny, runtime):
    folder = str(tiny())
    made = embedder(folder, runtime=runtime)
    assert isinstance(made, TokenEmbedder)
    found = made.embed_tokens(TEXTS)
    inner = next(path.parent for path in tiny().rglob("config.json") if (path.parent / "model.safetensors").exists())
    for text, states in zip(TEXTS, found, strict=True):
        assert len(states.vectors) == len(states.offsets)
        want = bare(str(inner), text)
        assert states.vectors.shape == want.shape
        if len(want):
            assert (states.vectors * want).sum(axis=1).min() > 0.98  # random weights amplify bf16
    assert [text[a:b] for text, s in zip(TEXTS[:2], found[:2], strict=True) for a, b in s.offsets] == list("abcd")


def test_spans_point_into_the_text_behind_a_prefix(tiny):
    made = embedder(str(tiny()), runtime="torch", query_prefix="x y ", passage_prefix="")
    (states,) = made.embed_tokens(["a b c"], query=True)
    assert states.offsets.tolist() == [[0, 1], [2, 3], [4, 5]]
    (plain,) = made.embed_tokens(["a b c"])
    assert not np.allclose(states.vectors, plain.vectors, atol=1e-3), "the prefix is part of the context"


def test_the_openvino_road_imports_no_torch(default_model):
    code = (
        "import sys; from rag.embedding import embedder; e = embedder(runtime='openvino'); "
        "s = e.embed_tokens(['Otters hold hands.'])[0]; print(s.vectors.shape, 'torch' in sys.modules)"
    )
    embedder(runtime="openvino").embed_passages(["export it first"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split("\n")[0] == "(5, 384) False"


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_parts_are_the_means_of_their_tokens(tiny, runtime):
    made = embedder(str(tiny()), runtime=runtime)
    text = "a b c d e f"
    spans = [(0, 5), (6, 11), (0, 11), (11, 11)]
    vectors, (parts, none) = made.embed_parts([text, ""], [spans, []])
    states = made.embed_tokens([text])[0]
    raw = np.concatenate(_raw(made, text))
    assert states.vectors.shape == raw.shape
    for (a, b), part in zip(spans[:3], parts, strict=False):
        inside = (states.offsets[:, 0] >= a) & (states.offsets[:, 0] < b)
        mean = raw[inside].mean(axis=0)
        np.testing.assert_allclose(part, mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(parts[3], vectors[0], atol=1e-6)
    assert none.shape == (0, 32)
    assert (vectors * made.embed_passages([text, ""])).sum(axis=1).min() > 0.999


def _raw(made, text):
    """The states themselves, not brought to unit length, without the special tokens."""
    seen = []
    made._running().visit([text], "", lambda place, vector, states: seen.append(states[1:-1].copy()))
    return seen
