"""BERT and its kin as an OpenVINO graph, built from ``model.safetensors`` and ``config.json``: torch is not needed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .models import EmbeddingModel
from .openvino_library import openvino
from .tokens import Untyped

# Kinds that compute alike; those that count positions from the padding token on are named with True.
_KINDS = {"bert": False, "camembert": True, "roberta": True, "xlm-roberta": True}
# Only what the graph below computes: a model whose configuration says anything else is exported by torch.
_EXPECTED = {
    "add_cross_attention": (False, None),
    "hidden_act": ("gelu",),
    "is_decoder": (False, None),
    "position_embedding_type": ("absolute", None),
}
# Parts of the file that give no vector: heads of other tasks, and the numbers 0, 1, 2 ... of positions.
_UNUSED = ("pooler.", "cls.", "lm_head.", "classifier.", "embeddings.position_ids", "embeddings.token_type_ids")
# What models that came from TensorFlow call the weights of a norm.
_NORM = {"gamma": "LayerNorm.weight", "beta": "LayerNorm.bias"}
_OLD_NORM = re.compile(r"LayerNorm\.(gamma|beta)\Z")
_HIDE = -1e9


def buildable(model: EmbeddingModel) -> bool:
    """Say whether the graph of this model's kind is known; looks at its configuration alone."""
    facts = model.transformer
    return (
        facts.get("model_type") in _KINDS
        and model.weights.suffix == ".safetensors"
        and all(facts.get(name, values[0]) in values for name, values in _EXPECTED.items())
    )


def built(model: EmbeddingModel, pooling: str) -> Untyped:
    """Build the graph from (ids, mask) to the pooled, normalised vectors and the states of the tokens.

    Parameters
    ----------
    model
        A model that `buildable` accepts.
    pooling
        ``"mean"`` or ``"cls"``.

    Returns
    -------
    openvino.Model
        Inputs ``ids`` and ``mask``, int64 of shape (rows, tokens); outputs ``vectors``, float32 of shape (rows, dim),
        and ``states``, float32 of shape (rows, tokens, dim).

    Raises
    ------
    EmbedderError
        The file holds other weights than such a model has.
    """
    return _in_half_precision(_Graph(model, _weights(model)).model(pooling))


def built_sparse(model: EmbeddingModel) -> Untyped:
    """Build the graph from (ids, mask) to the weights that a masked language model gives each term of its vocabulary.

    A term's weight is ``log(1 + max(logit, 0))``, of the token that speaks for it most; special tokens speak too.

    Returns
    -------
    openvino.Model
        Inputs as `built`; output ``vectors``, float32 of shape (rows, vocabulary), 0 and above.

    Raises
    ------
    EmbedderError
        The file holds no head that predicts terms.

    References
    ----------
    T. Formal et al., "SPLADE v2: sparse lexical and expansion model for information retrieval", arXiv:2109.10086, 2021.
    """
    return _in_half_precision(_Graph(model, _weights(model)).sparse())


def _in_half_precision(model: Untyped) -> Untyped:
    """Store the weights as half precision: half the bytes to keep, check and map at each start.

    It is finer than the bf16 that fast processors compute in. Only a written model is marked in such a way that
    compiling does not widen the weights again.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.xml")
        openvino().save_model(model, file, compress_to_fp16=True)
        weights = np.fromfile(file.with_suffix(".bin"), np.uint8)
        return openvino().Core().read_model(file.read_bytes(), openvino().Tensor(weights))


def _weights(model: EmbeddingModel) -> dict[str, NDArray[Any]]:
    """Return the weights by name, without the prefix that some writers put before each."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = load_file(model.weights)
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise EmbedderError(f"{model.weights}: cannot be read ({error}). Give runtime='torch'.") from error
    prefix = next((name.partition("embeddings.word_embeddings.")[0] for name in found if "word_embeddings" in name), "")
    named = {name.removeprefix(prefix): value for name, value in found.items()}
    return {_OLD_NORM.sub(lambda old: _NORM[old[1]], name): value for name, value in named.items()}


class _Graph:
    """The graph of one model, whose weights are taken out one by one: what is left over was not computed with."""

    def __init__(self, model: EmbeddingModel, weights: Mapping[str, NDArray[Any]]) -> None:
        openvino()
        import openvino.opset13 as ops

        self._ops = ops
        self._name = model.name
        self._left = dict(weights)
        self._facts = model.transformer
        self._after_pad = _KINDS[model.kind]
        self._pad = model.pad_token
        self._heads = int(self._facts["num_attention_heads"])
        self._epsilon = float(self._facts.get("layer_norm_eps", 1e-12))

    def model(self, pooling: str) -> Untyped:
        """Return the whole, compiled by nobody yet."""
        ops = self._ops
        ids, mask, seen, hide = self._inputs()
        states = self._states(ids, mask, hide)
        pooled = self._mean(states, seen) if pooling == "mean" else ops.gather(states, self._axis(0), self._axis(1))
        vectors = ops.normalize_l2(pooled, self._axes(1), 1e-12, "max")
        return self._named([vectors, states], [ids, mask], ("vectors", "states"))

    def sparse(self) -> Untyped:
        """Return the whole with the head that predicts terms, see `built_sparse`."""
        ops, head = self._ops, "cls.predictions."
        words = self._left.get(f"{head}decoder.weight", self._left["embeddings.word_embeddings.weight"])
        ids, mask, seen, hide = self._inputs()
        states = self._states(ids, mask, hide)
        inner = ops.gelu(self._linear(states, f"{head}transform.dense"), "erf")
        inner = self._norm(inner, f"{head}transform.")
        logits = ops.matmul(inner, ops.constant(words.astype(np.float32, copy=False)), False, True)
        logits = ops.add(
            logits,
            ops.unsqueeze(ops.multiply(ops.subtract(seen, self._number(1.0)), self._number(-_HIDE)), self._axes(2)),
        )
        best = ops.add(ops.reduce_max(logits, self._axes(1)), self._weight(f"{head}bias"))
        weights = ops.log(ops.add(ops.relu(best), self._number(1.0)))
        return self._named([weights], [ids, mask], ("vectors",))

    def _inputs(self) -> tuple[Untyped, Untyped, Untyped, Untyped]:
        """Return ids, mask, the mask as numbers, and what hides the others from attention."""
        ops = self._ops
        ids, mask = (ops.parameter([-1, -1], np.int64, name=name) for name in ("ids", "mask"))
        seen = ops.convert(mask, np.float32)
        hide = ops.multiply(ops.subtract(self._number(1.0), ops.unsqueeze(seen, self._axes(1, 2))), self._number(_HIDE))
        return ids, mask, seen, hide

    def _states(self, ids: Untyped, mask: Untyped, hide: Untyped) -> Untyped:
        states = self._embedded(ids, mask)
        for layer in range(int(self._facts["num_hidden_layers"])):
            states = self._layer(f"encoder.layer.{layer}.", states, hide)
        return states

    def _named(self, outputs: list[Untyped], inputs: list[Untyped], names: tuple[str, ...]) -> Untyped:
        if left := [name for name in self._left if not name.startswith(_UNUSED)]:
            raise EmbedderError(f"{self._name}: unknown weights {left[0]!r}. Give runtime='torch'.")
        made = openvino().Model(outputs, inputs, "bert")
        for ports, own in ((made.inputs, ("ids", "mask")), (made.outputs, names)):
            for port, name in zip(ports, own, strict=True):
                port.get_tensor().set_names({name})
        return made

    def _embedded(self, ids: Untyped, mask: Untyped) -> Untyped:
        """Add the vectors of tokens, places and the first segment."""
        ops, first = self._ops, self._axis(0)
        words, places, segment = (
            ops.gather(self._weight(f"embeddings.{name}_embeddings.weight"), rows, first)
            for name, rows in (("word", ids), ("position", self._positions(ids, mask)), ("token_type", first))
        )
        return self._norm(ops.add(ops.add(words, segment), places), "embeddings.")

    def _positions(self, ids: Untyped, mask: Untyped) -> Untyped:
        ops = self._ops
        if self._after_pad:
            counted = ops.multiply(ops.cum_sum(mask, self._axis(1)), mask)
            return ops.add(counted, ops.constant(np.int64(self._pad)))
        length = ops.gather(ops.shape_of(ids), self._axis(1), self._axis(0))
        return ops.range(self._axis(0), length, self._axis(1), "i64")

    def _layer(self, name: str, states: Untyped, hide: Untyped) -> Untyped:
        """Attend, then transform each token by itself; each adds to what came in, and is normalised."""
        ops = self._ops
        query, key, value = (
            self._split(self._linear(states, f"{name}attention.self.{part}")) for part in ("query", "key", "value")
        )
        width = int(self._facts["hidden_size"])
        seen = ops.scaled_dot_product_attention(query, key, value, hide)
        together = ops.reshape(ops.transpose(seen, self._axes(0, 2, 1, 3)), self._axes(0, 0, width), special_zero=True)
        attended = self._linear(together, f"{name}attention.output.dense")
        states = self._norm(ops.add(attended, states), f"{name}attention.output.")
        inner = ops.gelu(self._linear(states, f"{name}intermediate.dense"), "erf")
        return self._norm(ops.add(self._linear(inner, f"{name}output.dense"), states), f"{name}output.")

    def _split(self, states: Untyped) -> Untyped:
        """Cut (rows, tokens, dim) into (rows, heads, tokens, dim / heads)."""
        ops = self._ops
        each = int(self._facts["hidden_size"]) // self._heads
        cut = ops.reshape(states, self._axes(0, 0, self._heads, each), special_zero=True)
        return ops.transpose(cut, self._axes(0, 2, 1, 3))

    def _mean(self, states: Untyped, seen: Untyped) -> Untyped:
        ops = self._ops
        weight = ops.unsqueeze(seen, self._axes(2))
        total = ops.reduce_sum(self._ops.multiply(states, weight), self._axes(1))
        return ops.divide(total, ops.maximum(ops.reduce_sum(weight, self._axes(1)), self._number(1e-9)))

    def _linear(self, states: Untyped, name: str) -> Untyped:
        product = self._ops.matmul(states, self._weight(f"{name}.weight"), False, True)
        return self._ops.add(product, self._weight(f"{name}.bias"))

    def _norm(self, states: Untyped, name: str) -> Untyped:
        even = self._ops.mvn(states, self._axes(-1), True, self._epsilon, "inside_sqrt")
        scaled = self._ops.multiply(even, self._weight(f"{name}LayerNorm.weight"))
        return self._ops.add(scaled, self._weight(f"{name}LayerNorm.bias"))

    def _weight(self, name: str) -> Untyped:
        """Take a weight out."""
        try:
            return self._ops.constant(self._left.pop(name).astype(np.float32, copy=False))
        except KeyError:
            raise EmbedderError(f"{self._name}: has no weights {name!r}. Give runtime='torch'.") from None

    def _number(self, value: float) -> Untyped:
        return self._ops.constant(np.float32(value))

    def _axis(self, value: int) -> Untyped:
        return self._ops.constant(np.int64(value))

    def _axes(self, *values: int) -> Untyped:
        return self._ops.constant(np.asarray(values, np.int64))
