"""Cross-entropy and its kin on a tiny random model, against a computation by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rag.errors import InvalidInput, ModelMissing
from rag.evaluation.language_models import Prediction, Predictor

TEXT = "The café serves crème brûlée; 猫 like it too."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A GPT-2 of two layers with random weights, and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    own = Tokenizer(models.BPE({c: i for i, c in enumerate([*alphabet, "<s>"])}, []))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    place = tmp_path_factory.mktemp("gpt2")
    PreTrainedTokenizerFast(tokenizer_object=own, bos_token="<s>").save_pretrained(place)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=257, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=256)
    GPT2LMHeadModel(config).save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def predictor(folder):
    return Predictor.load(folder)


def logits(predictor, ids):
    import torch

    with torch.inference_mode():
        return predictor.model(torch.tensor([ids])).logits[0].double().numpy()


def by_hand(predictor, text, windows=None):
    """-ln p of each token from softmaxed logits in numpy, each window read once."""
    ids = [256, *predictor.tokenizer(text, add_special_tokens=False)["input_ids"]]
    total, read = 0.0, {}
    for at in range(1, len(ids)):
        start = 0 if windows is None else windows(at)
        if start not in read:
            read[start] = logits(predictor, ids[start : start + 32])
        row = read[start][at - start - 1]
        total -= row[ids[at]] - (row.max() + math.log(np.exp(row - row.max()).sum()))
    return total, len(ids) - 1


def test_a_short_text_by_hand(predictor):
    text = TEXT[:20]
    nats, tokens = by_hand(predictor, text)
    found = predictor.score(text)
    assert (found.tokens, found.characters, found.n_bytes) == (tokens, 20, len(text.encode()))
    assert found.nats == pytest.approx(nats, rel=1e-5)
    assert found.cross_entropy == pytest.approx(nats / tokens, rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    assert found.bits_per_character == pytest.approx(nats / math.log(2) / 20, rel=1e-5)
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / len(text.encode()), rel=1e-5)
    assert found.bits_per_byte < found.bits_per_character  # there are letters of two bytes


def test_equal_to_the_loss_that_transformers_computes(predictor):
    import torch

    ids = torch.tensor([[256, *predictor.tokenizer(TEXT[:20], add_special_tokens=False)["input_ids"]]])
    with torch.inference_mode():
        loss = float(predictor.model(ids, labels=ids).loss)
    assert predictor.score(TEXT[:20]).cross_entropy == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("stride", [1, 5, 16, 32])
def test_texts_longer_than_the_context_are_read_in_windows(predictor, stride):
    text = TEXT + TEXT[:20]
    ids = len(text.encode()) + 1

    def window(at):
        """Where the window begins that first reaches token ``at``."""
        begin, done = 0, 1
        while True:
            end = min(begin + 32, ids)
            if at < end:
                return begin
            done = end
            begin = min(begin + stride, done - 1, ids - 32)

    nats, tokens = by_hand(predictor, text, window)
    found = Predictor(predictor.model, predictor.tokenizer, stride=stride).score(text)
    assert found.tokens == tokens == ids - 1
    assert found.nats == pytest.approx(nats, rel=1e-5)


def test_texts_add_up(predictor):
    whole = predictor.score(["one", "two three"])
    assert whole == predictor.score("one") + predictor.score("two three")
    assert whole.cross_entropy == pytest.approx(
        (by_hand(predictor, "one")[0] + by_hand(predictor, "two three")[0]) / 12
    )


def test_nothing_to_predict_is_none_and_counted(predictor):
    found = predictor.score(["", "a"])
    assert (found.skipped, found.tokens) == (1, 1)
    empty = predictor.score("")
    assert empty == Prediction(skipped=1)
    assert set(empty.as_dict().values()) == {None, 0, 1}


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary(predictor):
    import copy

    import torch

    flat = copy.deepcopy(predictor.model)
    with torch.no_grad():
        for parameter in flat.parameters():
            parameter.zero_()
    assert Predictor(flat, predictor.tokenizer).score(TEXT).perplexity == pytest.approx(257, rel=1e-6)


def test_what_cannot_be_meant(predictor, tmp_path):
    with pytest.raises(ModelMissing, match="no language model in"):
        Predictor.load(tmp_path / "nowhere")
    with pytest.raises(ModelMissing, match="holds no causal language model"):
        Predictor.load(tmp_path)
    with pytest.raises(InvalidInput, match="stride from 1 to the context"):
        Predictor(predictor.model, predictor.tokenizer, context=8, stride=9)
