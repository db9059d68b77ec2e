"""A user's model of inference decides what is supported; a real cross-encoder is read by its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag import Bot, Document, HashingEmbedder, InvalidInput, KnowledgeBase, Retriever
from rag.generation.entailment import CrossEncoderEntailment
from rag.testing import ScriptedGenerator


class Never:
    def entail(self, premises: Sequence[str], claims: Sequence[str]) -> np.ndarray:
        return np.array([0.9 if "hold hands" in claim else 0.1 for claim in claims])


def test_it_replaces_words_and_cosines(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text("Otters hold hands. Otters sleep.", id="otters")])
        model = ScriptedGenerator(["Otters hold hands [1]. Otters sleep [1]."])
        answer = Bot(Retriever(kb), model, entailment=Never()).ask("What do otters do?")
    assert [(s.verdict, s.support) for s in answer.sentences] == [("supported", 0.9), ("unsupported", 0.1)]


class Model:
    def __init__(self, labels: dict[int, str]) -> None:
        self.config = type("Config", (), {"id2label": labels})

    def predict(self, pairs: Sequence[object], **_: object) -> np.ndarray:
        return np.tile([0.0, np.log(3.0), 0.0], (len(pairs), 1))


def test_the_label_is_found_by_its_name() -> None:
    judge = CrossEncoderEntailment(Model({0: "contradiction", 1: "entailment", 2: "neutral"}))
    assert judge.entail(["a", "b"], ["c", "d"]) == pytest.approx([0.6, 0.6])
    with pytest.raises(InvalidInput, match="entailment"):
        CrossEncoderEntailment(Model({0: "bad", 1: "good"}))
