"""What the check of support costs: each span of the passages is embedded once for all claims and answers."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest

from rag import Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.grounding.support import SUPPORTED, SupportChecker

TEXT = "Green tea is steeped at 80 degrees. Black tea takes boiling water. White tea is picked in spring."
CLAIMS = ("Green tea is steeped at 80 degrees.", "Black tea takes water that boils.", "White tea is an autumn tea.")


class Counting(HashingEmbedder):
    """Goes by the name that the weights were learned with, and counts what it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "sentence-transformers/all-MiniLM-L6-v2"
        self.seen: Counter[str] = Counter()

    def embed_passages(self, texts, **options):
        self.seen.update(texts)
        return super().embed_passages(texts, **options)


@pytest.fixture
def passages(tmp_path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text(TEXT, id="tea")])
        yield Retriever(kb).retrieve("tea")


def test_a_span_is_embedded_once_for_all_claims_and_answers(passages, tmp_path):
    from rag.terms import Analyser

    embedder = Counting()
    checker = SupportChecker(embedder, Analyser())
    scores = []
    for _ in range(3):  # three answers over the same passages, as a vote draws them
        evidence = checker.evidence(passages)
        scores.append([checker.check(claim, evidence)[0].score for claim in CLAIMS])
    spans = {text: n for text, n in embedder.seen.items() if text not in CLAIMS}
    assert len(spans) == 5
    assert set(spans.values()) == {1}
    assert scores[0] == scores[1] == scores[2]
    alone = SupportChecker(Counting(), Analyser())
    assert scores[0] == pytest.approx([alone.check(c, alone.evidence(passages))[0].score for c in CLAIMS])
    checker.evidence([])
    assert checker.evidence(passages) is not evidence  # other passages in between: analysed anew


SPELT = (
    unicodedata.normalize("NFD", "Ein Café crème kostet fünf Euro.")
    + " The yearly fee is 1\u00a0000\u00a0euros. The popu\u00adlation of the town is 12.500. The hall seats 2'400."
)


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("Ein Café crème kostet fünf Euro.", True),
        ("The yearly fee is 1,000 euros.", True),
        ("The yearly fee is 1 000 euros.", True),
        ("The yearly fee is 1000 euros.", True),
        ("The yearly fee is 10000 euros.", False),
        ("The population of the town is 12,500.", True),
        ("The population of the town is 12.500.", True),
        ("The hall seats 2400.", True),
        ("The hall seats 240.", False),
    ],
)
def test_words_and_numbers_are_the_same_however_they_are_encoded(tmp_path, claim, supported):
    from rag.terms import Analyser

    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text(SPELT, id="spelt")])
        passages = Retriever(kb).retrieve("fee")
    checker = SupportChecker(None, Analyser())
    assert (checker.check(claim, checker.evidence(passages))[0].score >= SUPPORTED) == supported
