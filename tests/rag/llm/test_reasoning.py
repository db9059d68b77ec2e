"""What a model thinks before it answers is neither shown, nor cited, nor remembered."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from rag import Bot, Completion, Document, HashingEmbedder, KnowledgeBase, Message, Retriever
from rag.llm.reasoning import Thoughts, without_thoughts
from rag.testing import ScriptedGenerator

TRUE = "Green tea is steeped at 80 degrees [1]."
THOUGHT = "Black tea takes boiling water [1]. But green tea?"
CLEAN = "Green tea is steeped at 80 degrees. [1]"


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path_factory.mktemp("kb") / "kb", embedder=HashingEmbedder()) as base:
        base.add([Document.from_text("Green tea is steeped at 80 degrees. Black tea takes boiling water.", id="tea")])
        yield base


class Plain:
    """A model of a user's own, with nothing but `complete`."""

    name = "plain"

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, messages: object, *, sampling: object = None, deadline: float | None = None) -> Completion:
        return Completion((self.text,))


@pytest.mark.parametrize("text", [f"<think>{THOUGHT}</think>\n\n{TRUE}", f"{THOUGHT}\n</think>\n{TRUE}",
                                  f"\n<think>\n</think><think>{THOUGHT}</think>{TRUE}"])  # fmt: skip
@pytest.mark.parametrize(
    "model", [lambda text: ScriptedGenerator([text]), lambda text: lambda _: iter(list(text)), Plain]
)
def test_it_is_no_part_of_the_answer(kb: KnowledgeBase, text: str, model: object) -> None:
    answer = Bot(Retriever(kb), model(text)).ask("How hot is green tea?")
    assert answer.text == CLEAN
    assert [c.quote for c in answer.citations] == ["Green tea is steeped at 80 degrees."]
    assert "Black" not in answer.supported_text + " ".join(s.text for s in answer.sentences)
    assert not answer.degraded


def test_a_stream_holds_thoughts_back(kb: KnowledgeBase) -> None:
    stream = Bot(Retriever(kb), ScriptedGenerator([f"<think>{THOUGHT}</think> {TRUE}"])).ask_stream(
        "How hot is green tea?"
    )
    assert "".join(stream) == CLEAN


def test_thoughts_without_an_answer_are_none(kb: KnowledgeBase) -> None:
    answer = Bot(Retriever(kb), ScriptedGenerator([f"<think>{TRUE}"])).ask("How hot is green tea?")
    assert answer.abstained
    assert "said nothing" in answer.reason


MARKS = {
    "thinking": (f"<thinking>{THOUGHT}</thinking>", ""),
    "capitals": (f"<Think>{THOUGHT}</Think>", ""),
    "seed": (f"<seed:think>{THOUGHT}</seed:think>", ""),
    "mistral": (f"[THINK]{THOUGHT}[/THINK]", ""),
    "words": (f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>", "<|end_of_solution|>"),
    "an answer's own": (f"<think>{THOUGHT}</think>\n<answer>", "</answer>"),
    "scratchpad": (f"<scratch_pad>{THOUGHT}</scratch_pad>\n", ""),
    "gemma": (f"<unused94>thought\n{THOUGHT}<unused95>", ""),
    "gemma 4": (f"<|channel>thought\n{THOUGHT}<channel|>", ""),
    "a box": (f"<think>{THOUGHT}</think><|begin_of_box|>", "<|end_of_box|>"),
    "a box alone": ("<|begin_of_box|>", "<|end_of_box|>"),
    "steps": (f"Here are my reasoning steps:\n{THOUGHT}\n[BEGIN FINAL RESPONSE]\n", "\n[END FINAL RESPONSE]"),
    "granite": (f"Here is my thought process:\n{THOUGHT}\n\nHere is my response:\n", ""),
    "a page's": (f'<details type="reasoning" done="true"><summary>Thought</summary>{THOUGHT}</details>\n', ""),
    "harmony": (f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>", ""),
    "harmony, whole": (
        "<|start|>assistant".join(
            [
                "",
                f"<|channel|>analysis<|message|>{THOUGHT}<|end|>",
                f"<|channel|>commentary<|message|>{THOUGHT}<|end|>",
                "<|channel|>final <|constrain|>json<|message|>",
            ]
        ),
        "<|return|>",
    ),
    "harmony, no thought": ("<|channel|>final<|message|>", ""),
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_each_template_has_its_marks(mark: str, size: int) -> None:
    before, after = MARKS[mark]
    text = f"{before}{TRUE}{after}"
    thoughts = Thoughts()
    given = "".join(thoughts.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert given + thoughts.rest() == without_thoughts(text) == TRUE


@pytest.mark.parametrize("opened", ["<thinking>", "[THINK]", "<|channel|>analysis<|message|>", "<seed:think>"])
def test_a_thought_that_never_ends_is_no_answer(opened: str) -> None:
    thoughts = Thoughts()
    assert thoughts.feed(opened + TRUE) + thoughts.rest() == without_thoughts(opened + TRUE) == ""


@pytest.mark.parametrize("closed", ["</thinking>", "[/THINK]", "<|end|><|start|>assistant<|channel|>final<|message|>"])
def test_a_template_may_open_the_thought(kb: KnowledgeBase, closed: str) -> None:
    assert without_thoughts(f"{THOUGHT}{closed}{TRUE}") == TRUE
    stream = Bot(Retriever(kb), ScriptedGenerator([f"{THOUGHT}\n{closed}\n{TRUE}"])).ask_stream("How hot is it?")
    for _ in stream:
        pass
    assert stream.answer.text == CLEAN


@pytest.mark.parametrize(
    "text",
    [
        "[1] says so.",
        "Write `</think>` at the end.",
        "analysisResult holds it.",
        "a <|b|> c",
        "Yes.\nHere is my response: no.",
        "<details>x</details> y",
    ],
)
def test_what_is_no_mark_stays(text: str) -> None:
    thoughts = Thoughts()
    assert thoughts.feed(text) + thoughts.rest() == without_thoughts(text) == text


def test_harmony_whose_marks_the_server_removed() -> None:
    assert without_thoughts(f"analysisWe need the tea.assistantfinal{TRUE}") == TRUE


def test_endless_white_space_takes_linear_time() -> None:
    thoughts = Thoughts()
    thoughts.feed("<think>x</think><answer>")
    given = [thoughts.feed(" " * 50) for _ in range(1000)]
    assert len(thoughts.rest()) <= 40  # what is held back is bounded, and so is the work for a piece
    assert len("".join(given)) >= 49_000


class Tea(BaseModel):
    degrees: int


def test_values_too(kb: KnowledgeBase) -> None:
    said = '<think>{"degrees": 3}</think>{"degrees": 80}'
    assert Bot(Retriever(kb), ScriptedGenerator([said])).ask("How hot?", schema=Tea).degrees == 80
    assert Bot(Retriever(kb), Plain(said)).ask("How hot?", schema=Tea).degrees == 80


@pytest.mark.parametrize("seed", range(30))
def test_however_the_text_is_cut(seed: int) -> None:
    rng = random.Random(seed)
    for text in (
        "<think>a < b </thin> c</think> Yes <think>.",
        "<thin> is not a tag",
        "  <think>x",
        "<th",
        "<think></think>",
    ):
        thoughts, given, left = Thoughts(), "", text
        while left:
            size = rng.randint(1, 5)
            given += thoughts.feed(left[:size])
            left = left[size:]
        assert (given + thoughts.rest()).lstrip() == without_thoughts(text).lstrip()


def test_other_users_of_a_model_get_no_thoughts() -> None:
    model = ScriptedGenerator(["<think>hm</think>Yes."] * 2)
    assert model.complete([Message("user", "?")]).text == "Yes."
    stream = model.stream([Message("user", "?")])
    assert ("".join(stream), stream.completion.text) == ("Yes.", "Yes.")
