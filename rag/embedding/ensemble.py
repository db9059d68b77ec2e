"""An ensemble of embedders as one embedder, whose cosine is the weighted sum of its members' standard scores."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError, InvalidInput
from .checks import checked
from .protocol import Embedder, PartEmbedder, SeeTokens, TokenEmbedder, Tokenizer, TokenStates

Vectors = NDArray[np.float32]

SPREAD_TEXTS = (
    "How many people live in the capital of Japan?",
    "The enzyme binds to its receptor and stops the growth of tumour cells.",
    "To install the package, run the command in a terminal.",
    "Shock waves form in front of a blunt body at supersonic speed.",
    "She won the championship three times before she retired in 1998.",
    "The court dismissed the appeal because it had been filed too late.",
    "Mix flour, butter and sugar, and bake for forty minutes.",
    "What is the difference between a list and a tuple?",
    "The river flows through four countries and ends in the Black Sea.",
    "Interest rates rose again, so the bank lowered its forecast.",
    "In 1412 the castle was burnt down and never rebuilt.",
    "Why do leaves turn red in autumn?",
    "The function returns None when the key is missing.",
    "Patients who took the drug had fewer heart attacks than the others.",
    "The symphony was first played in Vienna, and the audience laughed.",
    "Which planet has the most moons?",
)
"""Texts of unlike matters: how far apart their cosines lie is how far a model spreads its scores."""


class EnsembleEmbedder:
    """Several embedders as one: its vector is theirs, scaled and joined, so every index and filter works with it.

    The inner product of joined unit vectors, each times ``sqrt(share)``, is the sum of ``share * cosine``. Cosines of
    one model lie between 0 and 1, those of another between .7 and 1; so a share is the member's weight divided by the
    standard deviation of its cosines between texts of unlike matters (`SPREAD_TEXTS`), and the sum is that of
    standard scores, as the fusion of two lists makes it.

    Parameters
    ----------
    members
        Two or more.
    weights
        Above 0, one for each member; equal if None.

    Raises
    ------
    InvalidInput
        Fewer than two members, or weights that do not fit them.

    References
    ----------
    J. Lee, "Analyses of multiple evidence combination", SIGIR 1997 (combination of normalised scores).
    """

    def __init__(self, members: Sequence[Embedder], weights: Sequence[float] | None = None) -> None:
        self.members = tuple(members)
        self.weights = tuple(1.0 for _ in members) if weights is None else tuple(map(float, weights))
        if len(self.members) < 2 or len(self.weights) != len(self.members):
            raise InvalidInput(f"{len(self.members)} embedders, {len(self.weights)} weights: give two or more of each")
        if not all(np.isfinite(weight) and weight > 0 for weight in self.weights):
            raise InvalidInput(f"weights={list(self.weights)}: give numbers above 0")
        equal = len(set(self.weights)) == 1
        said = [f"{m.name}" if equal else f"{m.name}:weight={w:g}" for m, w in zip(members, self.weights, strict=True)]
        self.name = "+".join(said)
        facts = [(m.name, m.revision, m.dim, w) for m, w in zip(members, self.weights, strict=True)]
        self.revision = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        self.dim = sum(member.dim for member in members)
        self.multilingual = all(getattr(member, "multilingual", False) for member in members)

    def __repr__(self) -> str:
        return f"EnsembleEmbedder({self.name!r}, revision={self.revision!r})"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Counts a word by that member's tokenizer which it takes most of the window of."""
        return JointTokenizer([member.tokenizer for member in self.members])

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Share of each member's cosine in the ensemble's; their sum is 1.

        To two decimals: runtimes differ in the last bits of their vectors, and the shares must not.
        """
        raw = [w / spread(member) for w, member in zip(self.weights, self.members, strict=True)]
        rounded = [max(0.01, round(value / sum(raw), 2)) for value in raw]
        return tuple(value / sum(rounded) for value in rounded)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found: float32, shape (n_texts, dim), unit norm."""
        return self._joined([member.embed_passages(texts) for member in self.members], texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: float32, shape (n_texts, dim), unit norm."""
        return self._joined([member.embed_queries(texts) for member in self.members], texts)

    def embed_parts(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        *,
        see_tokens: SeeTokens | None = None,
    ) -> tuple[Vectors, list[Vectors]]:
        """Embed texts to be found, and spans of each in its context, see `PartEmbedder`; show the first's tokens.

        Raises
        ------
        EmbedderError
            A member has no vectors of spans.
        """
        found = []
        for member in self.members:
            if not isinstance(member, PartEmbedder):
                raise EmbedderError(f"embedder {member.name!r} gives no token states. Take granularity chunk+sentence.")
            shown = see_tokens if member is self.members[0] else None
            found.append(member.embed_parts(texts, spans, **({"see_tokens": shown} if shown else {})))
        whole = self._joined([vectors for vectors, _ in found], texts)
        return whole, [self._scaled(parts) for parts in zip(*(parts for _, parts in found), strict=True)]

    def embed_tokens(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Embed the tokens of texts by the first member, see `TokenEmbedder`.

        Raises
        ------
        EmbedderError
            It cannot.
        """
        first = self.members[0]
        if not isinstance(first, TokenEmbedder):
            raise EmbedderError(f"embedder {first.name!r} gives no token states. Put a model's embedder first.")
        return first.embed_tokens(texts, query=query)

    def _joined(self, vectors: Sequence[Vectors], texts: Sequence[str]) -> Vectors:
        return checked(self._scaled(vectors), texts, name=self.name, dim=self.dim)

    def _scaled(self, vectors: Sequence[Vectors]) -> Vectors:
        scaled = [np.sqrt(share) * each for share, each in zip(self.shares, vectors, strict=True)]
        return np.concatenate(scaled, axis=1).astype(np.float32)


def spread(embedder: Embedder) -> float:
    """Return the standard deviation of an embedder's cosines between texts of unlike matters."""
    asked, texts = embedder.embed_queries(SPREAD_TEXTS), embedder.embed_passages(SPREAD_TEXTS)
    cosines = (asked @ texts.T)[~np.eye(len(SPREAD_TEXTS), dtype=bool)]
    return max(float(cosines.std()), 1e-3)


_WORD = re.compile(r"\S+")


class JointTokenizer:
    """The tokenizers of several models as one: no window is overrun by what fits it.

    Each word is split by that tokenizer with which it takes the greatest part of the model's window; ``max_tokens`` is
    the smallest window. One model may see a single unknown token in a word which another one splits into fifty.

    Parameters
    ----------
    members
        The tokenizers.
    """

    def __init__(self, members: Sequence[Tokenizer]) -> None:
        self._members = tuple(members)
        self.max_tokens = min(member.max_tokens for member in members)

    def offsets(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Character spans of each text's tokens: int64, shape (n_tokens, 2), half open."""
        found = zip(*(member.offsets(texts) for member in self._members), strict=True)
        return [self._finest(text, rows) for text, rows in zip(texts, found, strict=True)]

    def _finest(self, text: str, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        starts = np.array([match.start() for match in _WORD.finditer(text)], np.int64)
        if not len(starts):
            return max(rows, key=len)
        # By a token's last character: some tokenizers count the space before a word to it.
        words = [np.maximum(np.searchsorted(starts, row[:, 1] - 1, side="right") - 1, 0) for row in rows]
        counts = [np.bincount(word, minlength=len(starts)) for word in words]
        load = np.stack([count / m.max_tokens for count, m in zip(counts, self._members, strict=True)])
        chosen = load.argmax(axis=0)
        kept = np.concatenate([row[chosen[word] == i] for i, (row, word) in enumerate(zip(rows, words, strict=True))])
        return kept[np.lexsort((kept[:, 1], kept[:, 0]))]
