"""The OpenVINO graph of a model: built here where its kind is known, else exported by torch."""

from __future__ import annotations

from . import bert_graph, openvino_export
from .models import EmbeddingModel
from .openvino_library import openvino
from .tokens import Untyped
from .torch_runtime import torch_installed

# Raise it whenever a graph changes: what was compiled of older ones is then left aside and compiled anew.
FORMAT = 3


def has_graph(model: EmbeddingModel) -> bool:
    """Say whether there is a graph of the model: of a transformer with mean or first-token pooling, of a known kind."""
    kinds = [str(m.get("type", "")).rsplit(".", 1)[-1] for m in model.modules]
    plain = kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
    if not plain or pooling(model) is None or model.tokenizer_file is None:
        return False
    return bert_graph.buildable(model) or (openvino_export.exportable(model) and torch_installed())


def pooling(model: EmbeddingModel) -> str | None:
    """Return the pooling, ``"mean"`` or ``"cls"``; None for any other."""
    config = model.config(f"{model.modules[1].get('path', '1_Pooling')}/config.json")
    if config.get("include_prompt") is False or model.config("sentence_bert_config.json").get("do_lower_case"):
        return None  # rare ways that only sentence-transformers itself goes
    mode = config.get("pooling_mode")
    modes = [mode] if isinstance(mode, str) else [k for k, v in config.items() if k.startswith("pooling_mode_") and v]
    names = {"mean": "mean", "cls": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    return names.get(modes[0]) if len(modes) == 1 else None


def graph(model: EmbeddingModel) -> Untyped:
    """Return the model's graph from (ids, mask) to vectors and states, see `bert_graph.built`.

    Raises
    ------
    EmbedderError
        The model's files hold something else than their configuration says.
    OSError
        An exported graph cannot be written to the cache folder.
    """
    way = pooling(model) or "mean"
    if bert_graph.buildable(model):
        return bert_graph.built(model, way)
    return openvino().Core().read_model(openvino_export.exported(model, way))
