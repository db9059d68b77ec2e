"""Prompt caching: keys and values of a prompt's beginning, kept between calls and shared by the rows of a batch.

Prompts of one bot begin with the same instructions and examples, and a chat's next prompt with the whole of the last
one; what is equal is computed once (prompt caching; Gim et al., "Prompt Cache", MLSys 2024).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

SHORTEST = 16
"""Minimum tokens of a common beginning that is worth reusing."""
_CHUNK = 512
"""Tokens computed between two checks of the deadline."""


class PrefixCache:
    """Holds the cache of the latest beginning. Not thread-safe: its model's lock guards it.

    Parameters
    ----------
    model
        A causal model of transformers. One whose layers forget (sliding windows, recurrent states) cannot be cut back
        to a shorter beginning, and gets no reuse.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - untyped library
        from transformers import DynamicCache
        from transformers.cache_utils import DynamicLayer

        self._model = model
        self._tokens: list[int] = []
        self._cache: Any = None
        self._empty: Callable[[], Any] = lambda: DynamicCache(config=model.config)
        layers = self._empty().layers if model._supports_default_dynamic_cache() else []
        self.works = bool(layers) and all(type(layer) is DynamicLayer for layer in layers)
        self.reused = 0

    def take(self, rows: Sequence[Sequence[int]], passed: Callable[[], bool]) -> Any:  # noqa: ANN401
        """Return a cache that covers a common beginning of the rows, or an empty one; None if nothing can be reused.

        Parameters
        ----------
        rows
            Token ids of prompts.
        passed
            Tells whether the deadline has passed.
        """
        if not self.works:
            return None
        shared = min(common(rows), min(map(len, rows)) - 1)
        have = common([self._tokens, rows[0][:shared]])
        if len(rows) == 1:
            return self._cut(have) if have >= SHORTEST else self._empty()
        if shared < SHORTEST:
            return None
        cache = self._cut(have) if have >= SHORTEST else self._empty()
        self._fill(cache, rows[0][cache.get_seq_length() : shared], passed)
        self.keep(rows[0], cache)
        rows_cache = copy.copy(cache)
        rows_cache.layers = [copy.copy(layer) for layer in cache.layers]
        rows_cache.batch_repeat_interleave(len(rows))
        return rows_cache

    def keep(self, tokens: Sequence[int], cache: Any) -> None:  # noqa: ANN401
        """Remember a cache of one row, which covers a beginning of ``tokens``."""
        if self.works and cache is not None:
            self._tokens, self._cache = list(tokens[: cache.get_seq_length()]), cache

    def _cut(self, length: int) -> Any:  # noqa: ANN401
        """Hand over the kept cache, cut to a length; it is not kept any longer, since its new owner writes to it."""
        cache, self._cache, self._tokens = self._cache, None, []
        cache.crop(length - cache.get_seq_length())
        self.reused += length
        return cache

    def _fill(self, cache: Any, tokens: Sequence[int], passed: Callable[[], bool]) -> None:  # noqa: ANN401
        import torch

        last_only = {"logits_to_keep": 1} if self._model._supports_logits_to_keep() else {}
        with torch.inference_mode():
            for start in range(0, len(tokens), _CHUNK):
                if passed():
                    return
                ids = torch.tensor([tokens[start : start + _CHUNK]], device=self._model.device)
                self._model(input_ids=ids, past_key_values=cache, use_cache=True, **last_only)


def common(rows: Sequence[Sequence[int]]) -> int:
    """Return the length of the longest beginning that all rows share.

    Examples
    --------
    >>> common([[1, 2, 3], [1, 2, 4]])
    2
    """
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False)))
