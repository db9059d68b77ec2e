"""A user's model of inference decides what is supported; a real cross-encoder is read by its labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from chat_server import ChatServer

from pipelines.cli import run
from rag import Bot, Document, HashingEmbedder, InvalidInput, KnowledgeBase, Retriever
from rag.errors import ModelMissing
from rag.grounding.support import CrossEncoderEntailment
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


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "otters", "hold", "hands", "sleep", ".", "do", "what"]


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a small cross-encoder of three labels with random weights."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("nli") / "tiny"
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        "bert", vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, id2label={0: "contradiction", 1: "entailment", 2: "neutral"},
        label2id={"contradiction": 0, "entailment": 1, "neutral": 2}, initializer_range=0.6,
    )  # fmt: skip
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    return str(folder)


def test_a_real_cross_encoder_gives_what_transformers_gives(cross_encoder: str) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    pairs = [("Otters hold hands.", "Otters sleep."), ("Otters sleep.", "What do otters do?")]
    tokenizer = AutoTokenizer.from_pretrained(cross_encoder)
    model = AutoModelForSequenceClassification.from_pretrained(cross_encoder).eval()
    with torch.inference_mode():
        logits = [model(**tokenizer(*pair, return_tensors="pt")).logits[0] for pair in pairs]
    expected = [float(each.softmax(0)[1]) for each in logits]
    found = CrossEncoderEntailment(cross_encoder).entail(*zip(*pairs, strict=True))
    assert found == pytest.approx(expected, abs=1e-5)
    assert abs(expected[0] - expected[1]) > 1e-3


def test_on_the_command_line(
    cross_encoder: str, tmp_path: Path, chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text("Otters hold hands.", id="otters")])
    ask = ["ask", str(tmp_path / "kb"), "What do otters do?", "--json"]
    model = ["--generator", "openai:tiny", "--base-url", chat_server.url]
    ask += ["--rewrite", "none"]
    assert run([*ask, *model, "--set", f"nli={cross_encoder}"]) in {0, 7}
    judged = json.loads(capsys.readouterr().out)
    expected = CrossEncoderEntailment(cross_encoder).entail(["Otters hold hands."], ["Otters hold hands."])[0]
    assert judged["checks"]["unsupported"] == (expected < 0.5)
    if expected >= 0.5:
        assert judged["support"] == pytest.approx(expected, abs=1e-5)
    assert run([*ask, "--set", f"nli={cross_encoder}"]) == 64
    assert run([*ask, *model, "--set", "nli=no/such-model"]) == 1
    assert "no cross-encoder" in capsys.readouterr().err


def test_a_model_that_is_not_here_asks_nobody() -> None:
    with pytest.raises(ModelMissing, match="no/such"):
        CrossEncoderEntailment("no/such")
