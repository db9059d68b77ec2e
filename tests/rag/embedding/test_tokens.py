from __future__ import annotations

import numpy as np
import pytest

from rag.embedding.tokens import ModelTokenizer, well_formed
from rag.errors import ModelMissing


@pytest.fixture
def tokenizer(default_model):
    return ModelTokenizer(default_model.tokenizer_file, default_model.max_seq_length - 2)


@pytest.fixture(scope="module")
def theirs(default_model):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(default_model.folder)


def test_ids_are_the_librarys_own(tokenizer, theirs, texts):
    clean = [well_formed(text) for text in texts]
    assert tokenizer.ids(texts) == theirs(clean, truncation=True, max_length=256)["input_ids"]


@pytest.mark.parametrize(
    "text",
    [
        "lorem ipsum " * 20_000,
        "x" * 300_000,
        ("y" * 50_000 + " ") * 6,
        " " * 200_000 + "far away",
        "." * 100_000,
        "漢" * 50_000,
        ("a\N{NO-BREAK SPACE}" * 30_000),
    ],
)
def test_long_texts_are_cut_where_the_library_cuts(tokenizer, theirs, text):
    assert tokenizer.ids([text])[0] == theirs(text, truncation=True, max_length=256)["input_ids"]


def test_offsets_are_the_librarys_own_and_uncut(tokenizer, theirs, texts):
    clean = [well_formed(text) for text in texts]
    expected = theirs(clean, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    found = tokenizer.offsets(texts)
    assert [spans.tolist() for spans in found] == [[list(span) for span in spans] for spans in expected]
    assert all(spans.dtype == np.int64 and spans.shape[1] == 2 for spans in found)
    assert max(len(spans) for spans in found) == 600


def test_the_window_leaves_room_for_special_tokens(tokenizer):
    assert tokenizer.max_tokens == 254
    assert [len(row) for row in tokenizer.ids(["word " * 254, "word " * 255, ""])] == [256, 256, 2]


def test_surrogates_are_replaced_one_for_one():
    assert well_formed("a\ud800\udfffb") == "a\ufffd\ufffdb"
    assert well_formed("😀") == "😀"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelMissing, match=r"gone/tokenizer\.json"):
        ModelTokenizer(tmp_path / "gone" / "tokenizer.json", 10).ids(["a"])
