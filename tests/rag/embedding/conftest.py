from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rag.embedding.models import EmbeddingModel, find_model
from rag.errors import ModelMissing

# Threads of torch that wait in a loop for each other make a busy machine several times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TEXTS = [
    "The Normans gave their name to Normandy, a region in France.",
    "Vectors are stored once, keyed by content and embedder.",
    "",
    "😀🎉",
    "漢字とかな、Привет мир, שלום",
    "word " * 600,
    "How many passages fit?",
    "a lone \ud800 surrogate and a \0 character",
    " \n\t ",
    "x" * 5000,
]


@pytest.fixture(scope="session")
def default_model() -> EmbeddingModel:
    try:
        return find_model()
    except ModelMissing:
        pytest.skip("the default model is absent: rag models fetch")


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return TEXTS


@pytest.fixture(scope="session")
def reference(default_model: EmbeddingModel, texts: list[str]) -> np.ndarray:
    """The bare library's own answer, one text at a time."""
    from sentence_transformers import SentenceTransformer

    bare = SentenceTransformer(str(default_model.folder), device="cpu")
    clean = [text.replace("\ud800", "\ufffd") for text in texts]
    return bare.encode(clean, batch_size=1, normalize_embeddings=True, show_progress_bar=False)


def _tiny(folder: Path, kind: str, pooling: str) -> Path:
    """Write a small sentence-transformers model with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    try:
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    except ImportError:  # before sentence-transformers 6
        from sentence_transformers.models import Pooling, Transformer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=40, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    body = folder / "body"
    AutoModel.from_config(config).save_pretrained(body)
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(body)
    transformer = Transformer(str(body), max_seq_length=24)
    SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode=pooling)]).save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    """A maker of small random models: ``tiny(kind, pooling)`` gives a folder."""
    made: dict[tuple[str, str], Path] = {}

    def make(kind: str = "bert", pooling: str = "mean") -> Path:
        if (kind, pooling) not in made:
            made[kind, pooling] = _tiny(tmp_path_factory.mktemp(f"{kind}-{pooling}"), kind, pooling)
        return made[kind, pooling]

    return make
