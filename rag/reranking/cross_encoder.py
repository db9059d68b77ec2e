"""Cross-encoder: a model reads question and passage together and scores how well they fit."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage, context_text
from ..embedding.torch_runtime import cross_encoder
from ..errors import InvalidInput, OutOfTime


class CrossEncoderReranker:
    """Any cross-encoder of sentence-transformers: exact, and slow per passage.

    The model is loaded at once, so that no question's deadline pays for it.

    Parameters
    ----------
    model
        Name on the Hugging Face hub (found in the local cache) or a folder, such as
        ``cross-encoder/ms-marco-MiniLM-L6-v2``.
    batch_size
        Pairs at once. The deadline is looked at between batches.
    max_length
        Tokens of question and passage together; the model's own where None.
    device
        ``"cpu"``, ``"cuda"`` ...; the fastest there is where None.

    Raises
    ------
    ModelMissing
        The model is not on this machine.

    References
    ----------
    R. Nogueira and K. Cho, "Passage re-ranking with BERT", arXiv:1901.04085, 2019.
    """

    def __init__(
        self, *, model: str, batch_size: int = 16, max_length: int | None = None, device: str | None = None
    ) -> None:
        if batch_size < 1:
            raise InvalidInput(f"batch_size={batch_size}: give 1 or more")
        self.name = "cross-encoder"
        self.model = model
        self._batch_size = batch_size
        self._model = cross_encoder(model, max_length, device)

    def score(
        self, question: str, passages: Sequence[Passage], *, deadline: float | None = None
    ) -> NDArray[np.float64]:
        """Return what the model says of each pair: float64, shape (n,).

        Raises
        ------
        OutOfTime
            The deadline has passed; what is scored by then is dropped.
        InvalidInput
            The model gives more than one number a pair: it is a classifier, not a reranker.
        """
        until = None if deadline is None else time.monotonic() + deadline
        found: list[float] = []
        for start in range(0, len(passages), self._batch_size):
            if until is not None and time.monotonic() > until:
                raise OutOfTime(f"{start} of {len(passages)} passages were scored in {deadline:.3g} s")
            part = passages[start : start + self._batch_size]
            pairs = [(question, context_text(p.title, p.heading, p.text)) for p in part]
            scores = np.asarray(self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False))
            if scores.shape != (len(part),):
                raise InvalidInput(f"{self.model} gives {scores.shape[1:]} numbers a pair; a reranker gives one")
            found += scores.astype(np.float64).tolist()
        return np.asarray(found)
