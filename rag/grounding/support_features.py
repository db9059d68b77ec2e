"""Features of a claim and the spans it is compared with, from which support is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .evidence import Evidence, EvidenceSpan, following, names
from .negation import denials
from .quantities import Quantity, plain_numbers, quantities
from .words import WordReader

FEATURES = ("coverage", "nearby", "pairs", "missing_names", "denies", "sentences", "cosine")
"""In their order:

coverage
    Share of the claim's terms in the spans, names and numbers counting double.
nearby
    Share of the others that occur elsewhere in the passages.
pairs
    Share of the claim's pairs of neighbouring terms that are neighbours in the spans.
missing_names
    Share of its names that the passages lack.
denies
    The claim negates and the spans do not: 0 or 1.
sentences
    Sentences beyond the first; a longer span holds more words by chance.
cosine
    The embedder's cosine of claim and spans; 0 without an embedder.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, analysed once for all passages."""

    text: str
    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    names: frozenset[str]
    quantities: tuple[Quantity, ...]
    figures: frozenset[str]
    negated: bool
    denies: bool

    @classmethod
    def read(cls, text: str, reader: WordReader) -> Claim:
        """Analyse a sentence."""
        words = reader.read(plain_numbers(text, least=3))
        return cls(
            text,
            frozenset(words.terms),
            following(words.terms),
            names(words),
            quantities(text, document=False),
            frozenset(term for term in reader.read(text).terms if term[0].isdigit()),
            denials(text) % 2 == 1,
            denials(text) > 0,
        )

    def weight(self, term: str) -> float:
        """Return the weight of a term."""
        return 2.0 if term in self.names or term in self.figures else 1.0


def features(claim: Claim, spans: Sequence[EvidenceSpan], evidence: Evidence) -> list[float]:
    """Return `FEATURES` of a claim with terms and of one span, or of several joined."""
    held = frozenset().union(*(span.terms | span.numbers | evidence.context[span.passage] for span in spans))
    around = frozenset().union(*(evidence.terms[span.passage] for span in spans)) - held
    pairs = frozenset().union(*(span.pairs for span in spans))
    total = sum(claim.weight(term) for term in claim.terms)
    return [
        sum(claim.weight(term) for term in claim.terms & held) / total,
        sum(claim.weight(term) for term in claim.terms & around) / total,
        len(claim.pairs & pairs) / max(1, len(claim.pairs)),
        len(claim.names - held - around) / max(1, len(claim.names)),
        float(claim.negated and not any(span.denials for span in spans)),
        float(sum(span.sentences for span in spans) - 1),
        0.0,
    ]
