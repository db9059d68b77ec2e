"""Run any sentence-transformers model with torch."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ExtraMissing, ModelMissing
from .batching import batches
from .models import EmbeddingModel
from .protocol import See
from .tokens import ModelTokenizer, Untyped

_log = logging.getLogger(__name__)
_BATCH_TOKENS = 4096
# Lengths of this many texts are sorted together: enough for even batches, and memory stays bounded.
_WINDOW = 4096


class TorchRuntime:
    """A sentence-transformers model on a torch device, loaded on first use.

    Parameters
    ----------
    model
        Where the model is.
    tokenizer
        Counts the tokens that batches are filled by.
    device
        ``"cpu"``, ``"cuda"``, ``"mps"`` ...; the fastest one if None.
    """

    def __init__(self, model: EmbeddingModel, tokenizer: ModelTokenizer | None, device: str | None = None) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._loaded: Any = None
        self._lock = threading.Lock()

    @property
    def loaded(self) -> Untyped:
        """The ``SentenceTransformer`` itself."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def embed(self, texts: Sequence[str], prefix: str = "") -> NDArray[np.float32]:
        """Embed texts: float32, shape (n_texts, dim), unit norm."""
        model = self.loaded
        out: NDArray[np.float32] | None = None
        for start in range(0, len(texts), _WINDOW):
            window = texts[start : start + _WINDOW]
            for places in batches(self._lengths(window), _BATCH_TOKENS):
                vectors = model.encode(
                    [window[i] for i in places],
                    prompt=prefix or None,
                    batch_size=len(places),
                    show_progress_bar=False,
                    convert_to_numpy=True,
                    normalize_embeddings=True,
                )
                if out is None:
                    out = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
                out[start + places] = vectors
        return np.zeros((0, 0), dtype=np.float32) if out is None else out

    def visit(self, texts: Sequence[str], prefix: str, see: See) -> None:
        """Show each text's vector and the states of its tokens, in any order."""
        for places in batches(self._lengths(texts), _BATCH_TOKENS):
            rows = self.loaded.encode(
                [texts[i] for i in places],
                prompt=prefix or None,
                batch_size=len(places),
                output_value=None,
                show_progress_bar=False,
                normalize_embeddings=True,
            )
            for place, row in zip(places.tolist(), rows, strict=True):
                vector = row["sentence_embedding"].float().cpu().numpy()
                states = row["token_embeddings"][row["attention_mask"].bool()].float().cpu().numpy()
                see(place, vector / max(float(np.linalg.norm(vector)), 1e-12), states)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        if len(texts) == 1:
            return [1]
        if self._tokenizer is None:
            return [len(text) // 4 + 2 for text in texts]
        return [len(row) for row in self._tokenizer.ids(texts)]

    def _load(self) -> Untyped:
        need_torch(self._model.name)
        _log.info("loading %s with torch", self._model.name)
        from sentence_transformers import SentenceTransformer

        with quiet_transformers():
            return SentenceTransformer(
                str(self._model.folder),
                device=self._device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )


def torch_installed(package: str = "sentence_transformers") -> bool:
    """Say whether torch and a package that runs on it are installed, without importing them."""
    return all(importlib.util.find_spec(name) is not None for name in (package, "torch"))


def need_torch(what: str, package: str = "sentence_transformers") -> None:
    """Refuse to go on without torch and the package that runs on it.

    Raises
    ------
    ExtraMissing
        They are not installed; ``what`` begins the sentence.
    """
    if not torch_installed(package):
        raise ExtraMissing(f"{what} needs {package.replace('_', '-')} and torch: pip install 'rag-workbench[torch]'.")


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from drawing progress bars and printing advice while it loads a model."""
    from transformers.utils import logging as theirs

    bar, level = theirs.is_progress_bar_enabled(), theirs.get_verbosity()
    theirs.disable_progress_bar()
    theirs.set_verbosity_error()
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        if bar:
            theirs.enable_progress_bar()


def cross_encoder(model: str, max_length: int | None = None, device: str | None = None) -> Any:  # noqa: ANN401
    """Load a cross-encoder.

    Parameters
    ----------
    model
        Name on the Hugging Face hub, found in the local cache, or a folder.
    max_length
        Tokens of both texts together; the model's own if None.
    device
        ``"cpu"``, ``"cuda"`` ...; the fastest one if None.

    Raises
    ------
    ModelMissing
        The model is not on this machine.
    ExtraMissing
        sentence-transformers is not installed.
    """
    need_torch(f"cross-encoder {model!r}")
    from sentence_transformers import CrossEncoder

    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers():
            return CrossEncoder(model, max_length=max_length, device=device, **options)
    except OSError as error:
        text = f"no cross-encoder {model!r} on this machine; give its folder, or download it first"
        raise ModelMissing(f"{text} with: hf download {model}") from error
