"""Term weights by a masked language model: what torch computes, and an index of them in a knowledge base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.documents.document import Document
from rag.embedding import HashingEmbedder, sparse_encoder as module
from rag.embedding.models import EmbeddingModel
from rag.embedding.sparse_encoder import MaskedLanguageModelEncoder, SparseEncoder, sparse_encoder
from rag.errors import EmbedderError, InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.retrieval.several import KnowledgeBases
from rag.rewriting.corpus import Corpus

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "otters",
    "hold",
    "hands",
    "while",
    "they",
    "sleep",
    "seals",
    "ice",
    "herons",
    "stand",
]
TEXTS = ["otters hold hands", "seals sleep", "herons stand while otters sleep", ""]


def masked_lm(folder: Path, kind: str = "bert") -> Path:
    """Write a small masked language model with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=40, pad_token_id=0, initializer_range=0.4,
    )  # fmt: skip
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_lm(tmp_path_factory.mktemp("sparse") / "tiny")


def by_torch(folder: Path, texts: list[str]) -> list[dict[str, float]]:
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    own, tokenizer = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    found = []
    for text in texts:
        with torch.inference_mode():
            logits = own(**tokenizer(text, return_tensors="pt", return_token_type_ids=False)).logits[0]
        weights = torch.log1p(torch.relu(logits)).amax(0).tolist()
        found.append({WORDS[i]: w for i, w in enumerate(weights) if w > 0})
    return found


def alike(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(abs(one.get(term, 0) - other.get(term, 0)) < 0.03 for term in {*one, *other})


def test_weights_are_those_of_the_model(model: Path) -> None:
    encoder = sparse_encoder(str(model))
    assert isinstance(encoder, SparseEncoder)
    want = by_torch(model, TEXTS)
    assert all(map(alike, encoder.encode_passages(TEXTS), want))  # padded together
    assert all(alike(encoder.encode_queries([text])[0], own) for text, own in zip(TEXTS, want, strict=True))
    assert encoder.encode_passages([]) == []
    assert 3 < len(want[0]) < len(WORDS), "a model that tells terms apart"


def test_names_of_norms_as_tensorflow_has_them(model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    old = tmp_path / "old"
    old.mkdir()
    for file in model.iterdir():
        (old / file.name).write_bytes(file.read_bytes())
    weights = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in load_file(model / "model.safetensors").items()
    }
    save_file(weights, old / "model.safetensors")
    one, other = (sparse_encoder(str(folder)).encode_passages(TEXTS[:1])[0] for folder in (model, old))
    assert alike(one, other)


def test_other_kinds_are_refused(tmp_path: Path, tiny) -> None:
    with pytest.raises(EmbedderError, match="SPLADE"):
        MaskedLanguageModelEncoder(EmbeddingModel("other", masked_lm(tmp_path / "other", "distilbert")))
    with pytest.raises(EmbedderError, match="predictions"):
        sparse_encoder(str(tiny())).encode_queries(["a"])


class Fake:
    """Knows that seals are otters' kin; counts the passages it weighs."""

    weighed = 0

    def encode_passages(self, texts):
        self.weighed += len(texts)
        return [dict.fromkeys(text.split(), 1.0) for text in texts]

    def encode_queries(self, texts):
        return [dict.fromkeys(text.split(), 1.0) | {"seals": 0.5} for text in texts]


def test_a_knowledge_base_searches_by_weights_and_weighs_each_chunk_once(tmp_path: Path, monkeypatch) -> None:
    fake = Fake()
    monkeypatch.setattr("rag.store.contents.sparse_encoder", lambda _: fake)
    monkeypatch.setattr("rag.retrieval.candidates.sparse_encoder", lambda _: fake)
    spec, own = "sparse:encoder=some/model", HashingEmbedder(64)
    documents = [Document(str(n), text) for n, text in enumerate(TEXTS[:3])]
    with KnowledgeBase.create(tmp_path / "kb", indexes=("flat", spec), embedder=own) as kb:
        kb.add(documents)
    with KnowledgeBase.open(tmp_path / "kb", mode="w", embedder=own) as kb:
        kb.add([Document("late", "herons swim")])
    assert fake.weighed == 4
    with KnowledgeBase.open(tmp_path / "kb", embedder=own) as kb:
        found = Retriever(kb, k=4, fusion="terms", rewrite="none").retrieve("hands")
        assert [(p.document, p.score) for p in found] == [("0", 1.0), ("1", 0.5)]
        both = Retriever(kb, k=4, rewrite="none").retrieve("otters hold hands")
        assert both[0].document == "0"
        assert kb.verify().ok
        corpus = Corpus(kb, lambda *_: [])
        assert corpus.frequencies() == {}, "what is not a word corrects no spelling"
        assert corpus.holding({"otters": 1.0}, 3) == []
    assert fake.weighed == 4, "a reader weighs no passage again"
    assert module.sparse_encoder.cache_info().maxsize == 4


def test_several_are_searched_together_if_one_model_weighs_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("rag.store.contents.sparse_encoder", lambda _: Fake())
    monkeypatch.setattr("rag.retrieval.candidates.sparse_encoder", lambda _: Fake())
    made = []
    for n, terms in enumerate(["sparse:encoder=a", "sparse:encoder=a", "bm25"]):
        kb = KnowledgeBase.create(tmp_path / str(n), indexes=("flat", terms), embedder=HashingEmbedder(64))
        kb.add([Document(f"{n}", f"otters swim {n}"), Document(f"x{n}", "herons stand")])
        made.append(kb)
    together = KnowledgeBases({"one": made[0], "two": made[1]})
    found = Retriever(together, k=4, fusion="terms", rewrite="none", dedupe=False).retrieve("otters")
    assert sorted((p.document, p.score) for p in found) == [("one:0", 1.0), ("two:1", 1.0)]
    with pytest.raises(InvalidInput, match="encoder"):
        KnowledgeBases({"one": made[0], "other": made[2]})
    for kb in made:
        kb.close()


def test_weights_rank_as_their_product(model: Path, tmp_path: Path) -> None:
    encoder = sparse_encoder(str(model))
    with KnowledgeBase.create(tmp_path / "kb", indexes=(f"sparse:encoder={model}",), embedder=HashingEmbedder(8)) as kb:
        kb.add(Document(str(n), text) for n, text in enumerate(TEXTS[:3]))
        found = Retriever(kb, k=3, rewrite="none").retrieve("otters sleep")
    asked = encoder.encode_queries(["otters sleep"])[0]
    products = [sum(asked.get(t, 0) * w for t, w in own.items()) for own in encoder.encode_passages(TEXTS[:3])]
    assert [int(p.document) for p in found] == np.argsort(products)[::-1].tolist()
    np.testing.assert_allclose([p.score for p in found], sorted(products, reverse=True), rtol=1e-4)
