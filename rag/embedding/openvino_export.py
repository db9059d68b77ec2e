"""Export a BERT-like sentence-transformers model to OpenVINO, once per model and machine."""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexes import files

from ..errors import EmbedderError
from .digests import cache_dir
from .models import EmbeddingModel
from .tokens import Untyped
from .torch_runtime import quiet_transformers

if TYPE_CHECKING:
    import types

_log = logging.getLogger(__name__)
# Raise it whenever the graph that is written changes: older files are then left aside and made anew.
FORMAT = 2
GRAPH = "model.xml"
_KINDS = frozenset({"bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"})
# An exported graph that is farther from the model than this, in any probe, is not used.
_LEAST_COSINE = 0.9995


def openvino() -> types.ModuleType:
    """Import OpenVINO without its model converter, whose import writes to the user's home and reports over the network.

    The converter's package sends an event to its makers on import, by ``openvino_telemetry``, which also keeps a client
    id in ``~/intel``. The runtime needs neither; leaving them out saves a third of the import's time as well.
    """
    if "openvino" not in sys.modules:
        hidden: dict[str, Any] = {"openvino_telemetry": None, "openvino.tools.ovc": None}
        before = {name: sys.modules[name] for name in hidden if name in sys.modules}
        sys.modules.update(hidden)
        try:
            import openvino as module
        finally:
            for name in hidden:
                sys.modules.pop(name, None)
            sys.modules.update(before)
        if not hasattr(module, "convert_model"):
            module.convert_model = _convert_model  # others in this process find it where they expect it
    return sys.modules["openvino"]


def _convert_model(*arguments: object, **options: object) -> Untyped:
    """OpenVINO's ``convert_model``, imported when called and without its telemetry."""
    name = "openvino_telemetry"
    before = sys.modules.get(name)
    if before is None:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say: not to be imported
    try:
        from openvino.tools.ovc import convert_model
    finally:
        if before is None:
            sys.modules.pop(name, None)
    return convert_model(*arguments, **options)


def installed() -> bool:
    """Say whether OpenVINO is installed, without importing it."""
    return importlib.util.find_spec("openvino") is not None


def exportable(model: EmbeddingModel) -> bool:
    """Say whether the model is a transformer with mean or first-token pooling, the only kind that is exported."""
    kinds = [str(m.get("type", "")).rsplit(".", 1)[-1] for m in model.modules]
    plain = kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
    return plain and model.kind in _KINDS and pooling(model) is not None and model.tokenizer_file is not None


def pooling(model: EmbeddingModel) -> str | None:
    """Return the pooling, ``"mean"`` or ``"cls"``; None for any other."""
    config = model.config(f"{model.modules[1].get('path', '1_Pooling')}/config.json")
    if config.get("include_prompt") is False or model.config("sentence_bert_config.json").get("do_lower_case"):
        return None  # rare ways that only sentence-transformers itself goes
    mode = config.get("pooling_mode")
    modes = [mode] if isinstance(mode, str) else [k for k, v in config.items() if k.startswith("pooling_mode_") and v]
    names = {"mean": "mean", "cls": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    return names.get(modes[0]) if len(modes) == 1 else None


def exported(model: EmbeddingModel) -> Path:
    """Return the folder with the model's graph, digest-checked; the graph is made first if there is none."""
    folder = cache_dir() / "models" / f"{model.weights_sha256[:24]}-{pooling(model)}-{FORMAT}"
    if _whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes that start together export once and wait for it
        if not _whole(folder):
            _log.info("exporting %s for OpenVINO; this happens once per model and takes about 20 s", model.name)
            facts = {"format": FORMAT, "model": model.name, "weights": model.weights_sha256}
            files.write(folder, facts, lambda aside: _export(model, aside))
    return folder


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


def _export(model: EmbeddingModel, folder: Path) -> None:
    module = openvino()
    import torch

    network = _network(model)
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


def _network(model: EmbeddingModel) -> Untyped:
    """Return one torch module from (ids, mask) to the pooled, normalised vectors and the states of the tokens."""
    import torch
    from transformers import AutoModel

    with quiet_transformers():
        body = AutoModel.from_pretrained(model.folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    first = pooling(model) == "cls"

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
