"""Embed texts: sentence-transformers models, any function, and a hashing embedder that needs no model."""

from __future__ import annotations

import re
from typing import Literal, cast

from ..components import is_plugin, make
from ..errors import ExtraMissing, InvalidInput
from .checks import checked, fingerprint
from .ensemble import EnsembleEmbedder
from .function import CallableEmbedder
from .hashing import HashingEmbedder
from .model_embedder import ModelEmbedder
from .models import DEFAULT_MODEL, EmbeddingModel, find_model
from .openvino_library import openvino_installed
from .protocol import Embedder, PartEmbedder, TokenEmbedder, Tokenizer, TokenStates
from .spec import MemberSpec, members
from .tokens import WordTokenizer
from .truncated import TruncatedEmbedder

__all__ = [
    "DEFAULT_MODEL",
    "CallableEmbedder",
    "Embedder",
    "EnsembleEmbedder",
    "HashingEmbedder",
    "ModelEmbedder",
    "PartEmbedder",
    "TokenEmbedder",
    "TokenStates",
    "Tokenizer",
    "TruncatedEmbedder",
    "WordTokenizer",
    "checked",
    "embedder",
    "fingerprint",
]

_HASHING = re.compile(r"hashing-(\d+)")


def embedder(
    name: str | None = None,
    *,
    device: str | None = None,
    runtime: Literal["auto", "torch", "openvino"] = "auto",
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
) -> Embedder:
    """Make an embedder: of a sentence-transformers model, or of another package.

    Parameters
    ----------
    name
        Name on the Hugging Face hub or a folder; all-MiniLM-L6-v2 if None. ``hashing-64`` is the hashing embedder of
        that dimension; ``mine`` or ``mine:option=value`` another package's, which gets ``device`` if it has that
        option. ``minilm+FOLDER`` is an ensemble of two, see `EnsembleEmbedder`; behind each name may stand
        ``:weight=2`` and ``:dim=128``, which cuts its vectors to their first components, see `TruncatedEmbedder`.
    device
        Where torch runs the model: ``"cuda"``, ``"cpu"`` ...; None takes OpenVINO on the CPU where that is possible,
        and else torch's fastest device.
    runtime
        ``"openvino"`` or ``"torch"`` (extra ``torch``); ``"auto"`` takes OpenVINO where it knows the model's kind.
        Both give the same vectors, to a cosine of 0.9999.
    query_prefix, passage_prefix
        Put before each question or passage; as the model's authors declare if None.

    Raises
    ------
    ModelMissing
        The model was not found; says where it was searched for.
    ModelDamaged
        One of its files is not the expected one.
    ExtraMissing
        The model needs torch, which is not installed, or another package's embedder cannot be imported.
    """
    specs = [MemberSpec("")] if name is None else members(name)
    made = []
    for spec in specs:
        own = _one(spec.name if name is not None else None, device, runtime, query_prefix, passage_prefix)
        made.append(own if spec.dim is None else cast("Embedder", TruncatedEmbedder(own, spec.dim)))
    if len(made) == 1:
        return made[0]
    return cast("Embedder", EnsembleEmbedder(made, [spec.weight for spec in specs]))


def _one(
    name: str | None, device: str | None, runtime: str, query_prefix: str | None, passage_prefix: str | None
) -> Embedder:
    if hashing := _HASHING.fullmatch(name or ""):
        return cast("Embedder", HashingEmbedder(int(hashing[1])))
    if name is not None and is_plugin("embedder", name):
        return cast("Embedder", make("embedder", {}, name, None, **({"device": device} if device else {})))
    if runtime not in ("auto", "torch", "openvino"):
        raise InvalidInput(f"runtime={runtime!r}: give 'auto', 'torch' or 'openvino'.")
    model = find_model(name)
    prompts = model.prompts
    query = prompts.get("query", "") if query_prefix is None else query_prefix
    passage = prompts.get("passage", prompts.get("document", "")) if passage_prefix is None else passage_prefix
    chosen = _runtime(model, runtime, device)
    made = ModelEmbedder(
        model,
        chosen,
        device=device,
        query_prefix=query,
        passage_prefix=passage,
        may_fall_back=runtime == "auto",
    )
    return cast("Embedder", made)  # its tokenizer is a property, which the protocol reads as an attribute


def _runtime(model: EmbeddingModel, asked: str, device: str | None) -> str:
    from .openvino_graph import has_graph
    from .torch_runtime import need_torch

    if asked == "openvino":
        return _openvino_only(model, device, fits=has_graph(model))
    if asked == "auto" and device in (None, "cpu") and openvino_installed() and has_graph(model):
        return "openvino"
    need_torch(f"embedding model {model.name!r}")
    return "torch"


def _openvino_only(model: EmbeddingModel, device: str | None, *, fits: bool) -> str:
    if not openvino_installed():
        raise ExtraMissing("runtime='openvino' needs OpenVINO: pip install openvino.")
    if not fits:
        raise InvalidInput(f"{model.name}: not a BERT-like model with mean or cls pooling. Give runtime='torch'.")
    if device not in (None, "cpu"):
        raise InvalidInput(f"runtime='openvino' runs on the CPU, not on {device!r}. Give runtime='torch'.")
    return "openvino"
