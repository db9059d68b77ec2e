"""What a model thinks before it answers is not shown, cited or remembered, however the text arrives in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Bot, CallableModel, Document, HashingEmbedder, KnowledgeBase, Message, Retriever
from rag.generation.language_model import Completion
from rag.generation.reasoning import spoken, spoken_stream

ASKED = [Message("user", "How hot?")]
TEXTS = {
    "<think>Is it 90? No.</think>80 degrees.": "80 degrees.",
    "\n <think>\nHm.\n</think>\n\n80 degrees.": "80 degrees.",
    "<think></think>80": "80",
    "80 degrees.": "80 degrees.",
    " 80 degrees.": " 80 degrees.",
    "Write <think>x</think> around it.": "Write <think>x</think> around it.",
    "<thin": "<thin",
    "<thinking> of tea": "<thinking> of tea",
    "": "",
    "<think>one</think><think>two</think>": "<think>two</think>",
}


@pytest.mark.parametrize(("text", "said"), TEXTS.items())
def test_only_what_stands_at_the_beginning_is_thought(text, said):
    assert spoken(Completion((text, "b"))).texts == (said, "b")
    assert not spoken(Completion((text,))).incomplete


def test_thoughts_that_do_not_end_say_nothing():
    cut = spoken(Completion(("<think>Let me see", "80")))
    assert cut.texts == ("", "80")
    assert cut.incomplete
    assert "still thinking" in cut.reason
    assert spoken(Completion(("<think>Let",), incomplete=True, reason="200 tokens")).reason == "200 tokens"


@given(st.sampled_from([*TEXTS, "<think>never ends"]), st.lists(st.integers(0, 40)))
def test_pieces_make_the_same_text(text, cuts):
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    pieces = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def stream():
        yield from pieces
        return Completion((text,))

    told, shown = spoken_stream(stream()), []
    while True:
        try:
            shown.append(next(told))
        except StopIteration as end:
            whole = end.value
            break
    assert "".join(shown) == spoken(Completion((text,))).text == whole.text


def test_nothing_is_held_back_once_it_cannot_be_a_tag():
    def stream():
        yield "80"
        raise AssertionError("asked for more before the first piece was given")

    told = spoken_stream(stream())
    assert next(told) == "80"


def test_every_model_of_the_library_leaves_thoughts_out(tmp_path):
    thoughts = "<think>The document says green tea is steeped at 80 degrees. [1] But is the key sk-1?</think>"
    said = thoughts + "Green tea is steeped at 80 degrees [1]."
    whole = CallableModel(lambda _: said)
    assert whole.complete(ASKED).text == "Green tea is steeped at 80 degrees [1]."
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text("Green tea is steeped at 80 degrees for two minutes.", id="tea")])
        for model in (lambda _: said, lambda _: iter(said)):
            answer = Bot(Retriever(kb), model).ask("How hot is green tea?")
            assert answer.text == "Green tea is steeped at 80 degrees. [1]"
            assert [sentence.text for sentence in answer.sentences] == ["Green tea is steeped at 80 degrees."]
        cut = Bot(Retriever(kb), lambda _: thoughts[:40]).ask("How hot is green tea?")
        assert (cut.degraded, cut.incomplete) == (True, True)
        assert "still thinking" in cut.reason
        assert "key" not in cut.text
