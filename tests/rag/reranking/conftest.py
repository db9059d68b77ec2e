"""Passages of a small knowledge base, and a tiny cross-encoder with random weights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.documents.document import Document, Passage
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

TEXTS = {
    "otters": "Otters hold hands while they sleep.",
    "otters2": "Otters hold hands while they sleep, says the keeper.",
    "seals": "Seals sleep on the ice in winter.",
    "herons": "Herons stand still in shallow water.",
    "beavers": "Beavers build dams of branches and mud.",
}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    place = tmp_path_factory.mktemp("rerank") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(64), chunker="document") as made:
        made.add(
            Document(name, text, source=f"{'zoo' if n % 2 else 'wild'}/{name}.md", modified=1e9 + n * 86_400 * 100,
                     metadata={"year": 2000 + n, "day": f"20{10 + n}-05-0{n + 1}"})
            for n, (name, text) in enumerate(TEXTS.items())
        )  # fmt: skip
        yield made


@pytest.fixture
def passages(kb: KnowledgeBase) -> list[Passage]:
    return Retriever(kb, k=5, dedupe=False).retrieve("Where do otters sleep in the water?")


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a small cross-encoder with random weights."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("cross") / "tiny"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({w for t in TEXTS.values() for w in t.lower().split()})]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    import torch

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "bert", vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=1, initializer_range=0.6,
    )  # fmt: skip
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    return str(folder)
