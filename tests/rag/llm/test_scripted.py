from __future__ import annotations

import pytest

from rag.llm.language_model import LanguageModel, Message, Usage
from rag.llm.sampling import Sampling
from rag.testing import ScriptedGenerator


def test_answers_in_order_and_keeps_what_it_was_asked():
    model = ScriptedGenerator(["one", "two"])
    assert isinstance(model, LanguageModel)
    assert [model.complete([Message("user", q)]).text for q in "ab"] == ["one", "two"]
    assert [call[0].content for call in model.calls] == ["a", "b"]
    with pytest.raises(LookupError, match="script has ended"):
        model.complete([Message("user", "c")])


def test_answers_by_a_function_n_times_and_raises_what_it_is_told_to():
    model = ScriptedGenerator(lambda messages: messages[-1].content.upper())
    assert model.complete([Message("user", "hi")], sampling=Sampling(n=3)).texts == ("HI",) * 3
    with pytest.raises(TimeoutError, match="slow"):
        ScriptedGenerator([TimeoutError("slow")]).complete([Message("user", "hi")])


def test_usage_adds_up_and_keeps_unknown_costs_apart():
    assert Usage(1, 2, 3, 0.5) + Usage(1, 1, 1, 0.5, cost=0.25) == Usage(2, 3, 4, 1.0, 0.25)
    assert (Usage() + Usage()).cost is None


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_p": 1.5}, {"n": 0}, {"max_tokens": 0}, {"stop": ("",)}])
def test_sampling_refuses_what_cannot_be_meant(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Sampling(**bad)
