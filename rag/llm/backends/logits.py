"""Sample the next token of each row of a batch from its scores, with torch.

Tokens are drawn by the Gumbel-max trick: the highest of scores plus Gumbel noise is a draw from their softmax (Gumbel,
1954). Each row has its own noise, so with a seed its text does not depend on the rows beside it, and no global
random state is read or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..sampling import Sampling
from .grammar import Matcher

if TYPE_CHECKING:
    import torch

Scores = Any  # torch.Tensor, shape (rows, vocabulary)


def processors(
    sampling: Sampling, samples: Sequence[int], mask: torch.Tensor, matchers: Sequence[Matcher]
) -> list[Any]:
    """Return the processors of the next token's scores, for ``generate``; the highest score is then taken.

    Parameters
    ----------
    sampling
        Temperature 0 takes the likeliest token.
    samples
        For each row the place of its answer among the ``n`` answers to a prompt, which gives each its own noise.
    mask
        1 for a token of the prompt, 0 for padding, shape (rows, length).
    matchers
        One per row, or none.
    """
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    chain: list[Any] = []
    if sampling.repetition_penalty not in (None, 1.0):
        chain.append(_Penalty(float(sampling.repetition_penalty or 1.0), mask))
    if matchers:
        chain.append(_Allowed(matchers))
    temperature = 1.0 if sampling.temperature is None else sampling.temperature
    if temperature == 0:
        return chain
    if temperature != 1:
        chain.append(TemperatureLogitsWarper(temperature))
    if sampling.top_k is not None:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p is not None and sampling.top_p < 1:
        chain.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p is not None and sampling.min_p > 0:
        chain.append(MinPLogitsWarper(sampling.min_p))
    return [*chain, _Noise(sampling.seed, samples, mask.device)]


class _Penalty:
    """Divides positive scores of tokens in the text, and multiplies negative ones (Keskar et al., CTRL, 2019).

    It ignores padding; transformers' own penalises padding, which is often the token that ends the answer.
    """

    def __init__(self, penalty: float, mask: torch.Tensor) -> None:
        self._penalty, self._mask = penalty, mask.bool()

    def __call__(self, ids: torch.Tensor, scores: Scores) -> Scores:
        n = self._mask.shape[1]
        said = ids.clone()
        said[:, :n] = said[:, :n].where(self._mask, said[:, n - 1 : n])
        picked = scores.gather(1, said)
        picked = picked.where(picked >= 0, picked * self._penalty).where(picked < 0, picked / self._penalty)
        return scores.scatter(1, said, picked)


class _Allowed:
    """Excludes tokens that a constraint forbids; the stopping criterion feeds the matchers."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._matchers = matchers

    def __call__(self, ids: torch.Tensor, scores: Scores) -> Scores:  # noqa: ARG002 - transformers' protocol
        import numpy as np
        import torch

        rows = np.stack([matcher.allowed(scores.shape[1]) for matcher in self._matchers])
        # A complete row accepts any token: the batch fills it up, and its rest is dropped.
        rows[~rows.any(axis=1)] = True
        return scores.masked_fill(~torch.from_numpy(rows).to(scores.device), float("-inf"))


class _Noise:
    """Adds Gumbel noise, with a seed from one generator for each row."""

    def __init__(self, seed: int | None, samples: Sequence[int], device: torch.device) -> None:
        import torch

        seeds = [(seed + sample) % 2**63 for sample in samples] if seed is not None else []
        self._own = [torch.Generator(device=device).manual_seed(each) for each in seeds]
        self._shared = torch.Generator(device=device)
        if seed is None:
            self._shared.seed()

    def __call__(self, ids: torch.Tensor, scores: Scores) -> Scores:  # noqa: ARG002 - transformers' protocol
        import torch

        waits = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
        if self._own:
            for row, generator in zip(waits, self._own, strict=True):
                row.exponential_(generator=generator)
        else:
            waits.exponential_(generator=self._shared)
        return scores.float() - waits.log()
