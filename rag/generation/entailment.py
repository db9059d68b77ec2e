"""A cross-encoder of natural-language inference as the judge of support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cross_encoders import cross_encoder
from ..errors import InvalidInput


class CrossEncoderEntailment:
    """Probability that a premise entails a claim, by a sentence-transformers cross-encoder.

    Parameters
    ----------
    model
        A model's name or folder, such as ``cross-encoder/nli-deberta-v3-small``, or a ``CrossEncoder``; one of its
        labels must be ``entailment``.

    Raises
    ------
    InvalidInput
        The model has no such label.
    ModelMissing
        It is not on this machine.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - sentence-transformers is imported where used
        if isinstance(model, str):
            model = cross_encoder(model)
        labels = {str(name).lower(): int(at) for at, name in model.config.id2label.items()}
        place = next((at for name, at in labels.items() if name.startswith("entail")), None)
        if place is None:
            raise InvalidInput(f"the model has the labels {', '.join(labels)}; one must be 'entailment'")
        self._model, self._place = model, place

    def entail(self, premises: Sequence[str], claims: Sequence[str]) -> NDArray[np.float64]:
        """Return the probabilities: float64, shape (n,)."""
        if not premises:
            return np.zeros(0)
        pairs = list(zip(premises, claims, strict=True))
        logits = np.asarray(self._model.predict(pairs, show_progress_bar=False, activation_fn=_same), dtype=np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = (odds / odds.sum(axis=1, keepdims=True))[:, self._place]
        return result


def _same(logits: Any) -> Any:  # noqa: ANN401 - a torch tensor
    return logits
