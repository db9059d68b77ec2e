from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, field_validator

from rag import Budget, Completion, InvalidInput, JsonSchema, Message
from rag.errors import ConstraintUnmet
from rag.generation.voting import vote
from rag.llm.structured import structured
from rag.testing import ScriptedGenerator

ASK = [Message("system", "Be brief."), Message("user", "How old is Ada?")]


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=150)

    @field_validator("name")
    @classmethod
    def _capital(cls, name: str) -> str:
        if not name[0].isupper():
            raise ValueError("a name begins with a capital")
        return name


class Free:
    """A model that knows no constraints."""

    name = "free"

    def __init__(self, *texts: str) -> None:
        self.inner = ScriptedGenerator(texts)

    def complete(self, messages, *, sampling=None, deadline=None) -> Completion:
        return self.inner.complete(messages, sampling=sampling, deadline=deadline)


def test_a_constrained_model_fills_in_a_class():
    value, completion = structured(ScriptedGenerator(['{"name": "Ada", "age": 36}']), ASK, Person)
    assert value == Person(name="Ada", age=36)
    assert completion.usage.calls == 1


def test_a_json_schema_gives_json():
    schema = {"type": "array", "items": {"type": "integer"}}
    assert structured(ScriptedGenerator(["[1, 2]"]), ASK, schema).value == [1, 2]
    assert structured(ScriptedGenerator(["[1, 2]"]), ASK, JsonSchema(schema)).value == [1, 2]


def test_any_other_model_is_told_the_schema_and_what_was_wrong():
    model = Free("She is 36.", '```json\n{"name": "Ada", "age": 36}\n```')
    value, completion = structured(model, ASK, Person)
    assert value.age == 36
    assert completion.usage.calls == 2
    first, second = model.inner.calls
    assert '"maximum": 150' in first[-1].content
    assert "not JSON" in second[-1].content
    assert second[-2] == Message("assistant", "She is 36.")


@pytest.mark.parametrize("text", ['{"name": "Ada"}', '{"name": "ada", "age": 1}', "NaN", "[" * 9999])
def test_what_never_fits_is_an_error_with_its_attempts(text):
    with pytest.raises(ConstraintUnmet) as caught:
        structured(Free(text, text, text), ASK, Person, attempts=3)
    assert caught.value.attempts == 3


def test_what_is_no_schema():
    for schema in (int, "text", {"type": "nonsense"}):
        with pytest.raises(InvalidInput):
            structured(ScriptedGenerator(["1"]), ASK, schema)


def test_a_budget_may_not_be_negative():
    with pytest.raises(InvalidInput, match="calls"):
        Budget(calls=-1)


class TestVote:
    def test_the_majority_of_short_answers(self):
        assert vote(["Paris", "London", "paris."]) == ("Paris", 0.5, 0)
        assert vote(["1912"]) == ("1912", 1.0, 0)
        assert vote(["a", "b"]) == ("a", 0.0, 0)

    def test_long_answers_that_agree_in_other_words(self):
        texts = [
            "It burned down in 1912.",
            "The hall burned in 1912.",
            "Nobody knows.",
            "In 1912 the hall burned down.",
        ]
        assert vote(texts).place == 3

    def test_none(self):
        with pytest.raises(InvalidInput):
            vote([])
