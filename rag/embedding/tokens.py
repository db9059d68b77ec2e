"""Tokenizers: the model's own, read from its ``tokenizer.json``, and plain words for embedders without a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelMissing

Untyped = Any  # the tokenizers library has no type stubs

_SURROGATES = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"\w+|[^\w\s]")
_SPACE = re.compile(r"\s")
# Far more characters than any real text needs to fill a model's window: the rest is tokenized only if these do not.
_CHARACTERS_PER_TOKEN = 64


def well_formed(text: str) -> str:
    """Replace lone surrogates by U+FFFD, one for one, so that character offsets stay as they are."""
    return text if text.isascii() else _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


class WordTokenizer:
    """Words and single punctuation marks as tokens; needs no model.

    Parameters
    ----------
    max_tokens
        Tokens of text that fit one input.
    """

    def __init__(self, max_tokens: int = 256) -> None:
        self.max_tokens = max_tokens

    def offsets(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Character spans of each text's words: int64, shape (n_tokens, 2), half open."""
        return [_spans([match.span() for match in _WORD.finditer(text)]) for text in texts]


class ModelTokenizer:
    """A model's own tokenizer, loaded from ``tokenizer.json`` on first use, without torch or transformers.

    Parameters
    ----------
    source
        Path of ``tokenizer.json``.
    max_tokens
        Tokens of text that fit one input of the model, special tokens not counted.
    """

    def __init__(self, source: Path, max_tokens: int) -> None:
        self.source = source
        self.max_tokens = max_tokens
        self._loaded: Any = None
        self._around: tuple[list[int], list[int]] = ([], [])

    def offsets(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Character spans of each text's tokens: int64, shape (n_tokens, 2), half open, no special tokens."""
        found = self._tokenizer().encode_batch([well_formed(text) for text in texts], add_special_tokens=False)
        return [_spans(encoding.offsets) for encoding in found]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text as the model takes them: cut to its window, special tokens included."""
        rows = [row.ids for row in self._encoded(self._tokenizer().encode_batch_fast, texts)]
        before, after = self._around
        return [before + row[: self.max_tokens] + after for row in rows]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token id, as the vocabulary has it."""
        tokenizer = self._tokenizer()
        return [str(tokenizer.id_to_token(i)) for i in ids]

    def spans(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Character spans of the tokens that the model takes, as `ids`: special tokens have the span (0, 0)."""
        rows = [row.offsets for row in self._encoded(self._tokenizer().encode_batch, texts)]
        before, after = ([(0, 0)] * len(special) for special in self._around)
        return [_spans([*before, *row[: self.max_tokens], *after]) for row in rows]

    def _encoded(self, encode: Callable[..., list[Untyped]], texts: Sequence[str]) -> list[Untyped]:
        """Encode the beginnings of texts, and the whole of those whose beginning does not fill the window."""
        clean = [well_formed(text) for text in texts]
        starts = [self._start(text) for text in clean]
        found = encode(starts, add_special_tokens=False)
        for i, row in enumerate(found):
            if len(row) < self.max_tokens and len(starts[i]) < len(clean[i]):
                found[i] = self._tokenizer().encode(clean[i], add_special_tokens=False)
        return found

    def _start(self, text: str) -> str:
        """Cut a text that is far longer than the window at white space, where every tokenizer ends a token."""
        limit = self.max_tokens * _CHARACTERS_PER_TOKEN
        if len(text) <= limit:
            return text
        space = _SPACE.search(text, limit)
        return text[: space.start()] if space else text

    def _tokenizer(self) -> Untyped:
        if self._loaded is None:
            from tokenizers import Tokenizer as Loaded

            try:
                # Read by Python, for a missing file is then a plain FileNotFoundError with its path.
                tokenizer = Loaded.from_str(self.source.read_text(encoding="utf-8"))
            except OSError as error:
                raise ModelMissing(f"{self.source}: the model's tokenizer cannot be read: {error.strerror}.") from error
            # The file may ask for padding and cutting; both are done here, so that one tokenizer serves all threads.
            tokenizer.no_padding()
            tokenizer.no_truncation()
            probe = tokenizer.encode("a")
            special = np.asarray(probe.special_tokens_mask, dtype=bool)
            text = np.flatnonzero(~special)
            first, last = (int(text[0]), int(text[-1]) + 1) if text.size else (len(special), len(special))
            self._around = (probe.ids[:first], probe.ids[last:])
            self._loaded = tokenizer
        return self._loaded


def _spans(offsets: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    return np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
