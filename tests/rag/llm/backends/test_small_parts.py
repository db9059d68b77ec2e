"""Stops, tokens to text, prompts, the callable model, the table."""

from __future__ import annotations

import doctest
import importlib
import sys
import threading
import time

import pytest

from rag import Budget, Choice, InvalidInput, JsonSchema, Message, Sampling, language_model
from rag.errors import BudgetExceeded, ExtraMissing, LLMBadResponse, LLMTimeout, LLMUnsupported
from rag.llm.backends.callable_model import CallableModel
from rag.llm.backends.chat_template import without_control_tokens
from rag.llm.backends.decoding import Detokenizer, Stops
from rag.llm.backends.grammar import Grammar
from rag.llm.backends.prefix_cache import common
from rag.llm.models import BACKENDS

ASK = [Message("user", "Hello")]


@pytest.mark.parametrize(
    "module",
    [
        "rag.llm.backends.callable_model",
        "rag.llm.backends.chat_template",
        "rag.llm.backends.prefix_cache",
        "rag.llm.backends.decoding",
        "rag.llm.budget",
        "rag.grounding.sanitising",
        "rag.llm.prices",
        "rag.llm.scripted",
        "rag.llm.reasoning",
        "rag.llm.streaming",
        "rag.generation.voting",
        "rag.grounding.words",
    ],
)
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(module))
    assert (result.failed, result.attempted > 0) == (0, True)


class TestStops:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
    @pytest.mark.parametrize("text", ["ababac and more", "no stop at all abab", "ENDING", "aabab", ""])
    def test_however_the_text_is_cut_it_ends_at_the_first_stop(self, text, size):
        stop = ("abac", "END", "ac")
        stops = Stops(stop)
        given = "".join(stops.feed(text[i : i + size]) for i in range(0, len(text), size)) + stops.rest()
        found = [text.find(each) for each in stop if each in text]
        assert given == text[: min(found, default=len(text))]
        assert stops.met is bool(found)


class TestDetokenizer:
    def test_characters_of_several_tokens_come_whole(self):
        data = "Grüße 世界 🦉".encode()
        words = Detokenizer(lambda ids: bytes(ids).decode("utf-8", "replace"))
        pieces = [words.feed(byte) for byte in data]
        assert "".join(pieces) + words.rest() == "Grüße 世界 🦉"
        assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces)

    def test_a_broken_end_is_given_at_the_end(self):
        words = Detokenizer(lambda ids: bytes(ids).decode("utf-8", "replace"))
        assert [words.feed(byte) for byte in "a€".encode()[:3]] == ["a", "", ""]
        assert words.rest() == "\N{REPLACEMENT CHARACTER}"


class TestPrompts:
    def test_control_tokens_are_broken_up_until_none_is_left(self):
        tokens = ["<s>", "</s>", "<|im_end|>", "x"]
        for attack in ("<s>", "a<<s>s>b", "<|im_<|im_end|>end|>", "<</s>/s>"):
            (safe,) = without_control_tokens([Message("user", attack)], tokens)
            assert not any(token in safe.content for token in tokens[:3])
            assert safe.content.replace(" ", "") == attack
        assert without_control_tokens(ASK, []) == ASK

    def test_the_longest_common_beginning(self):
        assert common([[1, 2, 3]]) == 3
        assert common([[1, 2], [1, 2, 3]]) == 2
        assert common([[], [1]]) == 0


class TestCallable:
    def test_half_a_character_is_replaced(self):
        assert CallableModel(lambda prompt: "A \ud83d.").complete(ASK).text == "A \ufffd."

    def test_several_answers_are_whole_however_slow_the_function(self):
        def write(prompt):
            for word in ("one ", "two ", "three"):
                time.sleep(0.15)  # longer than between two looks at whether anybody waits
                yield word

        answer = CallableModel(write).complete(ASK, sampling=Sampling(n=3))
        assert answer.texts == ("one two three",) * 3
        assert (answer.incomplete, answer.usage.calls) == (False, 3)

    def test_a_function_of_a_prompt(self):
        model = CallableModel(lambda prompt: prompt.upper())
        answer = model.complete([Message("system", "Be brief."), *ASK])
        assert answer.text == "BE BRIEF.\n\nUSER: HELLO\nASSISTANT:"
        assert answer.usage.calls == 1
        assert not answer.incomplete

    def test_pieces_stream_as_they_come(self):
        gate = threading.Event()

        def write(prompt):
            yield "one "
            assert gate.wait(60)
            yield "two"

        pieces = CallableModel(write).stream(ASK)
        assert next(pieces) == "one "
        gate.set()
        assert "".join(pieces) == "two"
        assert pieces.completion.text == "one two"

    def test_stop_and_what_it_cannot_do(self):
        model = CallableModel(lambda prompt: "yes, END no")
        assert model.complete(ASK, sampling=Sampling(stop=("END",), n=2)).texts == ("yes, ", "yes, ")
        for option in ({"temperature": 0.5}, {"seed": 1}, {"top_k": 2}):
            with pytest.raises(LLMUnsupported, match=next(iter(option))):
                model.complete(ASK, sampling=Sampling(**option))

    def test_max_tokens_cuts_after_as_many_words(self):
        for pieces in (["one two three four"], ["one ", "two", " th", "ree f", "our"]):
            model = CallableModel(lambda prompt, pieces=pieces: iter(pieces))
            answer = model.complete(ASK, sampling=Sampling(max_tokens=3))
            assert answer.text == "one two three"
            assert (answer.incomplete, answer.reason) == (True, "the answer reached max_tokens")
            assert not model.complete(ASK, sampling=Sampling(max_tokens=4)).incomplete

    @pytest.mark.slow
    def test_its_errors_come_out_and_its_time_is_bounded(self):
        def fail(prompt):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            CallableModel(fail).complete(ASK)
        with pytest.raises(LLMBadResponse, match="gave int"):
            CallableModel(lambda prompt: [1]).complete(ASK)
        over = threading.Event()
        start = time.monotonic()
        with pytest.raises(LLMTimeout):
            CallableModel(lambda prompt: str(over.wait(60))).complete(ASK, deadline=0.2)
        assert time.monotonic() - start < 15

        def stall(prompt):
            yield "half"
            over.wait(60)

        start = time.monotonic()
        answer = CallableModel(stall).complete(ASK, deadline=2)
        assert time.monotonic() - start < 15
        assert (answer.text, answer.incomplete) == ("half", True)
        over.set()

    def test_budget(self):
        budget = Budget(bytes=10)
        model = CallableModel(lambda prompt: "x" * 20, budget=budget)
        model.complete(ASK)
        with pytest.raises(BudgetExceeded, match="10 bytes"):
            model.complete(ASK)


class TestTable:
    @pytest.mark.parametrize("spec", ["", "openai", "openai:", "gpt-4", "OpenAI:gpt-4", "llamacpp"])
    def test_what_names_no_model_says_what_does(self, spec):
        with pytest.raises(InvalidInput) as caught:
            language_model(spec)
        assert all(backend.form in str(caught.value) for backend in BACKENDS.values())

    def test_every_row_is_there(self):
        for backend in BACKENDS.values():
            module, _, name = backend.home.partition(":")
            assert getattr(importlib.import_module(module, "rag.llm"), name).__doc__

    def test_what_is_not_installed_says_how_to_install_it(self, monkeypatch, tmp_path):
        for library in ("openai", "xllamacpp", "llguidance", "jsonschema"):
            monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[openai\]'"):
            language_model("openai:tiny", base_url="http://127.0.0.1:9/v1")
        with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[llamacpp\]'"):
            language_model(f"llamacpp:{tmp_path}/a.gguf")
        with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[constrained\]'"):
            Grammar(None, Choice(["a"]))
        with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[constrained\]'"):
            JsonSchema({})

    def test_conversations_that_cannot_be_meant(self):
        model = CallableModel(lambda prompt: "a")
        for talk in ([], "hello", ["hello"], [Message("assistant", "Hi")], [Message("robot", "Hi")]):
            with pytest.raises(InvalidInput):
                model.complete(talk)
        for bad in (0, -1, float("nan")):
            with pytest.raises(InvalidInput, match="deadline"):
                model.complete(ASK, deadline=bad)
        with pytest.raises(InvalidInput, match="n=2"):
            model.stream(ASK, sampling=Sampling(n=2))
