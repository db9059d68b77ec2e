"""A sentence-transformers model as an embedder, whatever runs it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .checks import checked
from .models import EmbeddingModel
from .protocol import See, SeeTokens, Tokenizer, TokenStates
from .tokens import ModelTokenizer, well_formed
from .torch_runtime import TorchRuntime, torch_installed

_log = logging.getLogger(__name__)


class Runtime(Protocol):
    """Computes vectors of a model."""

    def embed(self, texts: Sequence[str], prefix: str = "") -> NDArray[np.float32]:
        """Embed texts, each after ``prefix``: float32, shape (n_texts, dim), unit norm."""
        ...

    def visit(self, texts: Sequence[str], prefix: str, see: See) -> None:
        """Show each text's vector and the states of its tokens, in any order."""
        ...


_MANY_LANGUAGES = 100_000
"""Token ids from which a vocabulary is one of many languages: XLM-R has 250,002, mBERT 119,547, English BERT 30,522."""


class ModelEmbedder:
    """A sentence-transformers model: found, named and measured at once, loaded on first use.

    Calls from several threads are safe. After ``os.fork`` make a new embedder in the child: the threads of the runtime
    underneath do not survive a fork, and a call is refused rather than left hanging.

    Attributes
    ----------
    name
        The model's name on the hub, or its folder's name.
    revision
        Digest over weights, tokenizer, pooling, input length and prefixes: equal for every runtime.
    dim
        Components of a vector.
    tokenizer
        The model's own tokenizer.
    runtime
        ``"torch"`` or ``"openvino"``; the first where the second could not be had and falling back is allowed.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        runtime: str,
        *,
        device: str | None = None,
        query_prefix: str = "",
        passage_prefix: str = "",
        may_fall_back: bool = False,
    ) -> None:
        self.name = model.name
        self.revision = model.revision(query_prefix, passage_prefix)
        self.runtime = runtime
        self._model = model
        self._device = device
        self._may_fall_back = may_fall_back
        self._prefixes = (query_prefix, passage_prefix)
        self._runtime: Runtime | None = None
        self._lock = threading.Lock()
        file = model.tokenizer_file
        # [CLS] and [SEP] or their like take two places of the window.
        self._tokenizer = ModelTokenizer(file, model.max_seq_length - 2) if file else None

    def __repr__(self) -> str:
        return f"ModelEmbedder({self.name!r}, revision={self.revision!r}, runtime={self.runtime!r})"

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""
        if self._tokenizer is None:
            raise EmbedderError(f"{self.name}: has no tokenizer.json to count tokens with. Take another model.")
        return self._tokenizer

    @property
    def multilingual(self) -> bool:
        """Whether the model reads many languages, as the size of its vocabulary tells."""
        return self._model.vocabulary >= _MANY_LANGUAGES

    @property
    def dim(self) -> int:
        """Components of a vector."""
        if self._model.dim is not None:
            return self._model.dim
        return int(TorchRuntime(self._model, None, self._device).loaded.get_sentence_embedding_dimension())

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts to be found: float32, shape (n_texts, dim), unit norm."""
        return self._embed(texts, self._prefixes[1])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions: float32, shape (n_texts, dim), unit norm."""
        return self._embed(texts, self._prefixes[0])

    def _embed(self, texts: Sequence[str], prefix: str) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        clean = [well_formed(text) for text in texts]
        return checked(self._running().embed(clean, prefix), clean, name=self.name, dim=self.dim)

    def embed_tokens(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Embed the tokens of texts in their context, see `TokenStates`; a text is read as far as the model's window.

        Raises
        ------
        EmbedderError
            The model has no tokenizer of its own, or gives another number of states than it has tokens.
        """
        found: dict[int, TokenStates] = {}

        def see(place: int, _: NDArray[np.float32], states: NDArray[np.float32], at: NDArray[np.int64]) -> None:
            found[place] = TokenStates(_unit(states), at)

        self._visit(texts, self._prefixes[0 if query else 1], see)
        return [found[place] for place in range(len(texts))]

    def embed_parts(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        *,
        see_tokens: SeeTokens | None = None,
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed texts to be found, and spans of each in its context, see `PartEmbedder`.

        References
        ----------
        M. Guenther et al., "Late chunking: contextual chunk embeddings using long-context embedding models",
        arXiv:2409.04701, 2024 (means of token states over spans, taken after the model has read the whole).
        """
        vectors = np.zeros((len(texts), self.dim), np.float32)
        parts: list[NDArray[np.float32]] = [vectors[:0]] * len(texts)

        def see(place: int, vector: NDArray[np.float32], states: NDArray[np.float32], at: NDArray[np.int64]) -> None:
            vectors[place] = vector
            parts[place] = _means(states, at[:, 0], spans[place], vector)
            if see_tokens is not None:
                see_tokens(place, _unit(states))

        self._visit(texts, self._prefixes[1], see)
        return checked(vectors, texts, name=self.name, dim=self.dim), parts

    def _visit(self, texts: Sequence[str], prefix: str, see: Callable[..., None]) -> None:
        """Show each text's place, vector, and its tokens' states and spans, without special tokens and the prefix."""
        if self._tokenizer is None:
            raise EmbedderError(f"{self.name}: has no tokenizer.json to find tokens with. Take another model.")
        clean = [well_formed(text) for text in texts]
        tokens = self._tokenizer.spans([prefix + text for text in clean])

        def show(place: int, vector: NDArray[np.float32], states: NDArray[np.float32]) -> None:
            spans = tokens[place]
            if len(states) != len(spans):
                raise EmbedderError(f"{self.name}: {len(states)} states for {len(spans)} tokens. Give another runtime.")
            inside = (spans[:, 1] > spans[:, 0]) & (spans[:, 0] >= len(prefix))
            see(place, vector, states[inside], spans[inside] - len(prefix))

        if clean:
            self._running().visit(clean, prefix, show)

    def _running(self) -> Runtime:
        with self._lock:
            if self._runtime is None:
                self._runtime = self._start()
            return self._runtime

    def _start(self) -> Runtime:
        if self.runtime == "openvino" and self._tokenizer is not None:
            from .openvino_runtime import OpenVinoRuntime

            fast = OpenVinoRuntime(self._model, self._tokenizer)
            try:
                fast.prepare()
            except (OSError, RuntimeError) as error:  # RuntimeError is what OpenVINO raises, and EmbedderError
                if not (self._may_fall_back and torch_installed()):
                    raise
                _log.warning("%s runs on torch, for OpenVINO cannot run it here: %s", self.name, error)
                self.runtime = "torch"
            else:
                return fast
        return TorchRuntime(self._model, self._tokenizer, self._device)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _means(
    states: NDArray[np.float32],
    starts: NDArray[np.int64],
    spans: Sequence[tuple[int, int]],
    whole: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the unit-norm means of the states of the tokens that start in each span; ``whole`` where none does."""
    sums = np.zeros((len(states) + 1, len(whole)))
    np.cumsum(states, axis=0, out=sums[1:])
    borders = np.searchsorted(starts, np.asarray(spans, np.int64).reshape(-1, 2))
    totals = sums[borders[:, 1]] - sums[borders[:, 0]]
    lengths = np.linalg.norm(totals, axis=1, keepdims=True)
    return np.asarray(np.where(lengths > 0, totals / np.where(lengths > 0, lengths, 1), whole), np.float32)
