"""Run a model with OpenVINO; neither torch nor transformers is imported."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes import files
from indexes.file_lock import lock

from ..children import THREADS
from ..errors import EmbedderError
from .batching import batches
from .digests import cache_dir
from .models import EmbeddingModel
from .openvino_graph import FORMAT, graph, pooling
from .openvino_library import openvino
from .protocol import See
from .tokens import ModelTokenizer, Untyped

_log = logging.getLogger(__name__)
_BLOB = "compiled.blob"
# Measured on two cores: the rate is flat between 1,000 and 8,000, and memory grows with it.
_BATCH_TOKENS = 2048
# Every new shape costs the runtime some planning; lengths are rounded up to a multiple of this. Not those of a few
# questions, which have about ten tokens: rounded up, eight together cost as much as eight alone.
_STEP = 16
_FEW, _SHORT = 32, 64
# Requests in flight: one computes while the results of the other are taken and its next batch is laid out.
_IN_FLIGHT = 2
_WINDOW = 4096


class OpenVinoRuntime:
    """A compiled model, in bf16 where the processor has it and else in fp32; compiled on first use.

    Parameters
    ----------
    model
        A model that `openvino_graph.has_graph` accepts.
    tokenizer
        The model's tokenizer.
    way
        What the graph gives, for the name of what is compiled, and the graph; None: pooled vectors and states.
    """

    def __init__(
        self, model: EmbeddingModel, tokenizer: ModelTokenizer, way: tuple[str, Callable[[], Untyped]] | None = None
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._way = way
        self._compiled: Untyped = None
        self._process = 0
        self._lock = threading.Lock()
        self._free: list[Untyped] = []

    def prepare(self) -> None:
        """Compile the model, if that has not been done.

        Raises
        ------
        EmbedderError
            The model's files do not fit its configuration, or the process was forked since.
        OSError
            A graph that torch exported cannot be written to the cache folder.
        """
        self._ready()

    def embed(self, texts: Sequence[str], prefix: str = "") -> NDArray[np.float32]:
        """Embed texts: float32, shape (n_texts, dim), unit norm."""
        compiled = self._ready()
        out = np.empty((len(texts), compiled.output("vectors").partial_shape[1].get_length()), dtype=np.float32)

        def take(places: NDArray[np.intp], request: Untyped) -> None:
            out[places] = request.get_tensor("vectors").data

        self._run(compiled, texts, prefix, take)
        return out

    def visit(self, texts: Sequence[str], prefix: str, see: See) -> None:
        """Show each text's vector and the states of its tokens, in any order; both are gone after the call."""

        def take(places: NDArray[np.intp], request: Untyped) -> None:
            vectors, states = (request.get_tensor(name).data for name in ("vectors", "states"))
            lengths = request.get_tensor("mask").data.sum(axis=1).tolist()
            for line, place in enumerate(places.tolist()):
                see(place, vectors[line], states[line, : lengths[line]])

        self._run(self._ready(), texts, prefix, take)

    def _run(
        self,
        compiled: Untyped,
        texts: Sequence[str],
        prefix: str,
        take: Callable[[NDArray[np.intp], Untyped], None],
    ) -> None:
        """Run all batches, some at once; ``take`` gets the places of a batch's texts and the finished request."""
        requests = [self._request(compiled) for _ in range(min(len(texts), _IN_FLIGHT))]
        busy: list[NDArray[np.intp] | None] = [None] * len(requests)

        def finish(slot: int) -> None:
            places = busy[slot]
            if places is not None:
                requests[slot].wait()
                take(places, requests[slot])

        for turn, (places, ids, mask) in enumerate(self._inputs(texts, prefix)):
            slot = turn % len(requests)
            finish(slot)
            requests[slot].start_async([ids, mask])
            busy[slot] = places
        for slot in range(len(requests)):
            finish(slot)
        # Only reached when all went well: a request that failed is not used again.
        self._free.extend(requests)

    def _inputs(
        self, texts: Sequence[str], prefix: str
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]]:
        """Yield places, token ids and mask of each batch; texts are tokenized while the batches before are computed."""
        for start in range(0, len(texts), _WINDOW):
            rows = self._tokenizer.ids([prefix + text for text in texts[start : start + _WINDOW]])
            questions = len(rows) <= _FEW and max(map(len, rows)) <= _SHORT
            exact = questions or len(rows) == 1
            lengths = [len(row) if exact else self._padded(len(row)) for row in rows]
            for places in batches(lengths, _BATCH_TOKENS):
                ids = np.full((len(places), lengths[places[0]]), self._model.pad_token, dtype=np.int64)
                mask = np.zeros_like(ids)
                for line, place in enumerate(places):
                    row = rows[place]
                    ids[line, : len(row)] = row
                    mask[line, : len(row)] = 1
                yield start + places, ids, mask

    def _padded(self, length: int) -> int:
        """Round up to a multiple of the step, as far as the model has positions."""
        return max(length, min(-(-length // _STEP) * _STEP, self._model.max_seq_length))

    def _request(self, compiled: Untyped) -> Untyped:
        try:
            return self._free.pop()
        except IndexError:
            return compiled.create_infer_request()

    def _ready(self) -> Untyped:
        with self._lock:
            if self._compiled is None:
                self._compiled = _compile(
                    self._model, *(self._way or (pooling(self._model), lambda: graph(self._model)))
                )
                self._process = os.getpid()
        if self._process != os.getpid():
            raise EmbedderError(
                f"{self._model.name}: loaded before this process was forked, and its threads did not come along. "
                "Start processes by 'spawn', or use the embedder first in the child."
            )
        return self._compiled


def _compile(model: EmbeddingModel, way: str | None, make: Callable[[], Untyped]) -> Untyped:
    """Compile the model's graph for this processor, or take what an earlier process compiled."""
    module = openvino()
    core = module.Core()
    options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    name = f"{model.weights_sha256[:24]}-{way}-{FORMAT}-{_machine(core, module, options)}"
    if THREADS in os.environ:  # what is compiled does not depend on it
        options["INFERENCE_NUM_THREADS"] = int(os.environ[THREADS])
    place = cache_dir() / "models" / name
    if (kept := _kept(core, module, place, options)) is not None:
        return kept
    with _alone(place):  # processes that start together compile once and wait for it
        if (kept := _kept(core, module, place, options)) is not None:
            return kept
        compiled = core.compile_model(make(), "CPU", options)
        _keep(compiled, place)
    return compiled


def _kept(core: Untyped, module: Untyped, place: Path, options: dict[str, object]) -> Untyped | None:
    """Return what an earlier process compiled; None if there is nothing, or if it is not as it was written."""
    if not place.is_dir():
        return None
    try:
        files.verify(place)
        # Mapped, not read: the runtime takes the weights from the page cache, shared by all processes.
        blob = np.memmap(place / _BLOB, dtype=np.uint8, mode="r")
        return core.import_model(module.Tensor(blob), "CPU", options)
    except (ValueError, OSError, RuntimeError) as error:
        _log.warning("%s; compiling the model again", error)
        return None


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock of a compiled model, where the cache folder can be written."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = stack.enter_context(place.with_name(f".{place.name}.lock").open("w", encoding="ascii"))
            lock(file.fileno(), wait=True)
        yield


def _machine(core: Untyped, module: Untyped, options: dict[str, object]) -> str:
    """Return a short digest over all that a compiled model depends on besides its graph."""
    processor = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    said = [module.get_version(), *map(str, processor), sorted(map(str, options.items())), os.cpu_count()]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _keep(compiled: Untyped, place: Path) -> None:
    """Write the compiled model for later processes; if it cannot be written, they only lose time."""

    def fill(aside: Path) -> None:
        stream = io.BytesIO()
        compiled.export_model(stream)
        (aside / _BLOB).write_bytes(stream.getbuffer())

    try:
        files.write(place, {"blob": _BLOB}, fill)
    except (OSError, RuntimeError) as error:
        _log.warning("the compiled model was not kept in %s: %s", place, error)
