"""An answer does not contain the marks that end a model's turn, unless it talks about them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Message, Retriever
from rag.llm.turn_ends import _ENDS, TurnEnd, without_turn_end
from rag.testing import ScriptedGenerator

SAID = "Green tea is steeped at 80 degrees [1]."
STAYS = [
    SAID,
    "The mark <|im_end|> ends a turn.",
    "It writes `</s>`",
    "<s>90</s>",
    "a < b and c [in",
    "x <|im_end|> y <|im_start|> z",
    "<|im_end",
    "<|end|><|start|>assistant says more",
    "",
]


def streamed(text: str, size: int | None = None, seed: int = 0) -> str:
    rng, turn, given = random.Random(seed), TurnEnd(), ""
    while text:
        n = size or rng.randint(1, 6)
        given += turn.feed(text[:n])
        text = text[n:]
    return given + turn.rest()


@pytest.mark.parametrize("mark", [*_ENDS, "<|IM_END|>", "<|im_end|>\n<|endoftext|>", " </s> \n"])
def test_a_mark_at_the_end_goes(mark: str) -> None:
    assert without_turn_end(SAID + mark) == SAID
    for size in (1, 2, 3, 7, 1000):
        assert streamed(SAID + mark, size).rstrip() == SAID


@pytest.mark.parametrize(
    "rest",
    [
        "<|im_end|>\n<|im_start|>user\nAnd black tea?<|im_end|>",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd black tea?",
        "<end_of_turn>\n<start_of_turn>user\nAnd black tea?",
        "</s>[INST] And black tea? [/INST] Boiling.",
    ],
)
def test_the_next_turn_goes_with_it(rest: str) -> None:
    assert without_turn_end(SAID + rest) == SAID
    for size in (1, 2, 3, 7, 1000):
        assert streamed(SAID + rest, size) == SAID


@pytest.mark.parametrize("text", STAYS)
def test_what_is_spoken_of_stays(text: str) -> None:
    assert without_turn_end(text) == text
    assert [streamed(text, seed=seed) for seed in range(5)] == [text] * 5


def test_little_is_held_back() -> None:
    turn = TurnEnd()
    assert turn.feed("80 degrees. ") == "80 degrees. "
    given = [turn.feed("<|im_end|> and <") for _ in range(500)]
    assert sum(map(len, given)) > 500 * 16 - 200


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder: Path = tmp_path_factory.mktemp("kb") / "kb"
    with KnowledgeBase.create(folder, embedder=HashingEmbedder()) as base:
        base.add([Document.from_text("Green tea is steeped at 80 degrees. Black tea takes boiling water.", id="tea")])
        yield base


@pytest.mark.parametrize("model", [lambda text: ScriptedGenerator([text]), lambda text: lambda _: iter(list(text))])
def test_an_answer_has_none(kb: KnowledgeBase, model: object) -> None:
    text = f"<think>hm</think>{SAID}<|im_end|>\n"
    clean = Bot(Retriever(kb), model(SAID)).ask("How hot is green tea?").text  # type: ignore[operator]
    assert Bot(Retriever(kb), model(text)).ask("How hot is green tea?").text == clean  # type: ignore[operator]
    stream = Bot(Retriever(kb), model(text)).ask_stream("How hot is green tea?")  # type: ignore[operator]
    assert "".join(stream) == clean


def test_other_users_of_a_model_get_none() -> None:
    stream = ScriptedGenerator([f"{SAID}<|im_end|>"]).stream([Message("user", "?")])
    assert ("".join(stream), stream.completion.text) == (SAID, SAID)
