"""Export a transformer whose graph is not known here to OpenVINO, by torch (extra ``torch``), once per model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import files

from ..errors import EmbedderError
from .digests import cache_dir
from .models import EmbeddingModel
from .openvino_library import openvino
from .tokens import Untyped
from .torch_runtime import quiet_transformers

_log = logging.getLogger(__name__)
# Raise it whenever the graph that is written changes: older files are then left aside and made anew.
FORMAT = 2
GRAPH = "model.xml"
_KINDS = frozenset({"distilbert", "electra", "mpnet"})
# An exported graph that is farther from the model than this, in any probe, is not used.
_LEAST_COSINE = 0.9995


def exportable(model: EmbeddingModel) -> bool:
    """Say whether the model is of a kind that is exported."""
    return model.kind in _KINDS


def exported(model: EmbeddingModel, pooling: str) -> Path:
    """Return the file with the model's graph, digest-checked; the graph is made first if there is none."""
    folder = cache_dir() / "models" / f"{model.weights_sha256[:24]}-{pooling}-{FORMAT}"
    if not _whole(folder):
        _log.info("exporting %s for OpenVINO; this happens once per model and takes about 20 s", model.name)
        facts = {"format": FORMAT, "model": model.name, "weights": model.weights_sha256}
        files.write(folder, facts, lambda aside: _export(model, pooling, aside))
    return folder / GRAPH


def _whole(folder: Path) -> bool:
    """Say whether the folder exists and every byte of it is as it was written."""
    if not folder.is_dir():
        return False
    try:
        files.verify(folder)
    except ValueError as error:
        _log.warning("%s; exporting the model again", error)
        return False
    return True


def _export(model: EmbeddingModel, pooling: str, folder: Path) -> None:
    module = openvino()
    import torch

    network = _network(model, pooling)
    ids = torch.ones(2, 16, dtype=torch.long)
    mask = torch.ones(2, 16, dtype=torch.long)
    mask[1, 8:] = 0
    with warnings.catch_warnings(), quiet_transformers(), torch.inference_mode():
        # The tracer warns of every Python value in the graph; the probes below are what tells a wrong graph.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, (ids, mask), check_trace=False)
        graph = module.convert_model(traced, example_input=(ids, mask))
    for ports, names in ((graph.inputs, ("ids", "mask")), (graph.outputs, ("vectors", "states"))):
        for port, name in zip(ports, names, strict=True):
            port.get_tensor().set_names({name})
    compiled = module.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    _compare(model, network, lambda a, b: np.asarray(compiled((a, b))[0]))
    # Weights in half precision: half the file to read and check at each start, and finer than the bf16 they run in.
    module.save_model(graph, folder / GRAPH, compress_to_fp16=True)


def _network(model: EmbeddingModel, pooling: str) -> Untyped:
    """Return one torch module from (ids, mask) to the pooled, normalised vectors and the states of the tokens."""
    import torch
    from transformers import AutoModel

    with quiet_transformers():
        body = AutoModel.from_pretrained(model.folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    first = pooling == "cls"

    class Network(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy here
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, ids: Untyped, mask: Untyped) -> Untyped:
            states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
            if first:
                pooled = states[:, 0]
            else:
                weight = mask.unsqueeze(-1).to(states.dtype)
                pooled = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(pooled, dim=1), states

    return Network().eval()


def _compare(model: EmbeddingModel, network: Untyped, run: Callable[[Any, Any], NDArray[np.float32]]) -> None:
    """Refuse a graph that gives other vectors than the model, on inputs of other shapes than the traced one."""
    import torch

    rng = np.random.default_rng(0)
    for rows, columns in ((1, 5), (3, min(40, model.max_seq_length))):
        ids = rng.integers(0, model.vocabulary, (rows, columns))
        mask = (np.arange(columns) < np.linspace(columns, 3, rows)[:, None]).astype(np.int64)
        ids = np.where(mask == 1, ids, model.pad_token)
        with torch.inference_mode():
            want = network(torch.from_numpy(ids), torch.from_numpy(mask))[0].numpy()
        least = float((want * run(ids, mask)).sum(1).min())
        if not least >= _LEAST_COSINE:
            raise EmbedderError(
                f"{model.name}: the graph exported for OpenVINO differs from the model (cosine {least:.5f}). "
                "Give runtime='torch'."
            )
