"""Learned sparse vectors: a model gives each term of its vocabulary a weight for a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from ..errors import EmbedderError
from . import bert_graph
from .models import EmbeddingModel, find_model
from .openvino_runtime import OpenVinoRuntime
from .tokens import ModelTokenizer, well_formed

_BATCH = 64
"""Texts at once: each has a number for every term of the vocabulary until the zeros are dropped."""


@runtime_checkable
class SparseEncoder(Protocol):
    """Turns texts into weights of terms, above 0; what has none is left out."""

    def encode_passages(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Weigh the terms of texts to be found."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Weigh the terms of questions."""
        ...


class MaskedLanguageModelEncoder:
    """A masked language model such as SPLADE, run by OpenVINO; terms are the pieces of its tokenizer.

    Parameters
    ----------
    model
        A BERT with the head that predicts terms, ``BertForMaskedLM``; texts are read as far as its window.

    Raises
    ------
    EmbedderError
        It is of another kind.

    References
    ----------
    T. Formal, B. Piwowarski and S. Clinchant, "SPLADE: sparse lexical and expansion model for first stage ranking",
    SIGIR 2021.
    """

    def __init__(self, model: EmbeddingModel) -> None:
        file = model.tokenizer_file
        if file is None or model.kind != "bert" or not bert_graph.buildable(model):
            raise EmbedderError(f"{model.name}: not a BERT with a tokenizer.json. Take a SPLADE model of that kind.")
        self._tokenizer = ModelTokenizer(file, model.max_seq_length - 2)
        self._runtime = OpenVinoRuntime(model, self._tokenizer, ("sparse", lambda: bert_graph.built_sparse(model)))

    def encode_passages(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Weigh the terms of texts to be found."""
        found: list[dict[str, float]] = []
        for start in range(0, len(texts), _BATCH):
            weights = self._runtime.embed([well_formed(text) for text in texts[start : start + _BATCH]])
            for row in weights:
                terms = np.flatnonzero(row > 0)
                found.append(dict(zip(self._tokenizer.pieces(terms.tolist()), row[terms].tolist(), strict=True)))
        return found

    def encode_queries(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Weigh the terms of questions, as those of passages."""
        return self.encode_passages(texts)


@lru_cache(maxsize=4)
def sparse_encoder(name: str) -> SparseEncoder:
    """Make the encoder of a model's folder, or of its name on the hub; the same one for the same name.

    Raises
    ------
    ModelMissing
        The model was not found.
    EmbedderError
        It is of a kind that cannot be run.
    """
    return MaskedLanguageModelEncoder(find_model(name))
