"""llama.cpp on a GGUF file with the tiny Llama's weights; the same model in transformers is the oracle."""

from __future__ import annotations

import json
import time

import pytest
from timing import within

from rag import Budget, Choice, InvalidInput, JsonSchema, Message, Regex, Sampling, language_model
from rag.errors import BudgetExceeded, ConstraintUnmet, LLMTimeout, ModelDamaged, ModelMissing, PromptTooLong
from rag.llm.backends.transformers_chat import TransformersChat

pytest.importorskip("llama_cpp", reason="pip install 'rag-workbench[llamacpp]' (it compiles llama.cpp)")
pytest.importorskip("gguf")

RULES = Message("system", "Answer from the passages only, quote them, and say so when they do not answer.")
QUESTIONS = ["What is an index?", "Who?", "How are vectors found near a <|end|> question?", "Grüße, 世界?"]
TALKS = [[RULES, Message("user", question)] for question in QUESTIONS]
ASK = TALKS[0]
SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string", "maxLength": 20},
        "page": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["answer", "page"],
    "additionalProperties": False,
}


@pytest.fixture(scope="session", autouse=True)
def _quiet_exit():
    """Close what llama_cpp leaves open, or the end of the run complains about it."""
    yield
    from llama_cpp import _utils

    _utils.outnull_file.close()
    _utils.errnull_file.close()


@pytest.fixture(scope="module")
def file(tiny_folder, tmp_path_factory):
    import tiny_gguf

    return tiny_gguf.convert(tiny_folder, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def tiny(file):
    with language_model(f"llamacpp:{file}", threads=1) as model:
        yield model


class TestText:
    def test_two_engines_read_the_same_prompt_and_write_the_same_text(self, tiny, tiny_folder):
        other = TransformersChat(str(tiny_folder))
        for talk in TALKS:
            request = tiny._requests([talk], None, None, None)[0]
            assert tiny.prompt(request) == other.prompt(request)
            texts = [model.complete(talk, sampling=Sampling(max_tokens=24)).text for model in (tiny, other)]
            assert texts[0] == texts[1]
            assert len(texts[0]) > 15
        assert tiny.count_tokens("What is it?") == other.count_tokens("What is it?")

    def test_a_stream_is_the_same_text_in_pieces(self, tiny):
        whole = tiny.complete(ASK, sampling=Sampling(max_tokens=32))
        pieces = tiny.stream(ASK, sampling=Sampling(max_tokens=32))
        parts = list(pieces)
        assert "".join(parts) == whole.text == pieces.completion.text
        assert len(parts) > 10
        assert (whole.usage.completion_tokens, whole.incomplete, whole.reason) == (
            32,
            True,
            "the answer reached max_tokens",
        )

    def test_stop(self, tiny):
        text = tiny.complete(ASK, sampling=Sampling(max_tokens=32)).text
        stop = text[10:13]
        answer = tiny.complete(ASK, sampling=Sampling(max_tokens=32, stop=(stop,)))
        assert (answer.text, answer.incomplete) == (text[: text.index(stop)], False)

    def test_all_sampling_options_and_seeds(self, tiny):
        options = Sampling(
            temperature=1.2, top_k=50, top_p=0.9, min_p=0.01, repetition_penalty=1.1, seed=4, n=3, max_tokens=12
        )
        once, again = tiny.complete(ASK, sampling=options), tiny.complete(ASK, sampling=options)
        assert once.texts == again.texts
        assert len(set(once.texts)) == 3
        greedy = tiny.complete(ASK, sampling=Sampling(max_tokens=12)).text
        assert tiny.complete(ASK, sampling=Sampling(temperature=5.0, top_k=1, seed=1, max_tokens=12)).text == greedy
        assert tiny.complete(ASK, sampling=Sampling(temperature=5.0, min_p=1.0, seed=1, max_tokens=12)).text == greedy
        assert tiny.complete(ASK, sampling=Sampling(temperature=5.0, top_p=0.0, seed=1, max_tokens=12)).text == greedy

    def test_a_beginning_is_kept(self, tiny):
        tiny.complete(TALKS[0], sampling=Sampling(max_tokens=1))
        sizes, evaluate = [], tiny._llama.eval
        tiny._llama.eval = lambda tokens: (sizes.append(len(tokens)), evaluate(tokens))[1]
        try:
            answer = tiny.complete(TALKS[1], sampling=Sampling(max_tokens=1))
        finally:
            del tiny._llama.eval
        assert sizes[0] < answer.usage.prompt_tokens - 40


class TestConstraints:
    def test_json_is_valid_over_200_seeds(self, tiny):
        import jsonschema

        texts = [
            tiny.complete(
                ASK, sampling=Sampling(temperature=1.5, seed=seed, max_tokens=150), constraint=JsonSchema(SCHEMA)
            ).text
            for seed in range(200)
        ]
        for text in texts:
            jsonschema.validate(json.loads(text), SCHEMA)
        assert len(set(texts)) > 150

    def test_choices_patterns_and_what_was_cut(self, tiny):
        hot = Sampling(temperature=5.0, seed=1, n=30, max_tokens=30)
        options = ["yes", "no", "it is “maybe” \\ so"]
        assert set(tiny.complete(ASK, sampling=hot, constraint=Choice(options)).texts) == set(options)
        assert len(set(tiny.complete(ASK, sampling=hot, constraint=Regex(r"[a-c]{2}-[0-9]+\.")).texts)) > 15
        with pytest.raises(ConstraintUnmet, match=r"not JSON.*max_tokens"):
            tiny.complete(ASK, sampling=Sampling(max_tokens=3), constraint=JsonSchema(SCHEMA))


class TestTime:
    def test_a_deadline_cuts_the_answer_and_marks_it(self, tiny, monkeypatch):
        self.slow(tiny, monkeypatch)
        answer = within(1.5, lambda: tiny.complete(ASK, sampling=Sampling(max_tokens=3000), deadline=0.5))
        assert answer.incomplete
        assert "deadline of 0.5 s passed" in answer.reason

    def test_a_long_prompt_keeps_the_deadline_too(self, tiny, monkeypatch):
        self.slow(tiny, monkeypatch, 0.1)

        def ask():
            with pytest.raises(LLMTimeout):
                tiny.complete([Message("user", "word " * 750)], deadline=0.15)

        within(1.15, ask)

    def test_a_stream_that_nobody_reads_keeps_nobody_waiting(self, tiny):
        pieces = tiny.stream(ASK, sampling=Sampling(max_tokens=50))
        next(pieces)
        assert tiny.complete(ASK, sampling=Sampling(max_tokens=5), deadline=100).usage.completion_tokens == 5
        pieces.close()

    @staticmethod
    def slow(tiny, monkeypatch, seconds=0.02):
        evaluate = tiny._llama.eval

        def late(tokens):
            time.sleep(seconds)
            return evaluate(tokens)

        monkeypatch.setattr(tiny._llama, "eval", late)


class TestFiles:
    def test_what_is_no_gguf_file(self, tmp_path, file, capfd):
        with pytest.raises(ModelMissing, match="no such file"):
            language_model(f"llamacpp:{tmp_path}/nothing.gguf")
        whole = file.read_bytes()
        for name, data in {
            "empty": b"",
            "text": b"hello" * 100,
            "cut": whole[: len(whole) // 2],
            "head": whole[:100],
        }.items():
            (tmp_path / name).write_bytes(data)
            with pytest.raises(ModelDamaged, match="GGUF"):
                language_model(f"llamacpp:{tmp_path / name}")
        assert capfd.readouterr() == ("", "")  # llama.cpp keeps its mouth shut

    def test_limits(self, file):
        budget = Budget(calls=1)
        with language_model(f"llamacpp:{file}", context=256, threads=1, budget=budget) as model:
            with pytest.raises(PromptTooLong, match="takes 256"):
                model.complete([Message("user", "word " * 200)])
            with pytest.raises(BudgetExceeded):
                model.complete(ASK)
        with pytest.raises(InvalidInput):
            language_model(f"llamacpp:{file}", device="tpu")
