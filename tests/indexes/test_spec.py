"""Spec strings and typed parameters."""

import dataclasses
from typing import Optional

import numpy as np
import pytest
from hypothesis import given, strategies as st

import indexes
from indexes.registry import engine, parse
from indexes.spec import Parameters, Spec, param


@dataclasses.dataclass(frozen=True, kw_only=True)
class Every(Parameters):
    number: int = param(3, "an int", low=1, high=9)
    share: float = param(0.5, "a float", low=0.0)
    switch: bool = param(False, "a bool")
    kind: str = param("a", "a choice", choices=("a", "b"))
    auto: int | None = param(None, "an int or auto", low=1)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("hnsw", "hnsw"),
        ("hnsw:", "hnsw"),
        (" hnsw : M = 16 , ef=64 ", "hnsw:M=16,ef=64"),
        ("hnsw:ef=64,M=16", "hnsw:M=16,ef=64"),
        ("hnsw:M=32", "hnsw"),
        ("hnsw:storage=sq8", "hnsw:storage=sq8"),
    ],
)
def test_canonical_form(text, canonical):
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@given(
    number=st.integers(1, 9),
    share=st.floats(0, 1e9),
    switch=st.booleans(),
    kind=st.sampled_from("ab"),
    auto=st.none() | st.integers(1),
)
def test_text_and_parameters_round_trip(number, share, switch, kind, auto):
    from indexes import registry, spec

    params = Every(number=number, share=share, switch=switch, kind=kind, auto=auto)
    text = str(Spec("every", params, Parameters()))
    _, _, rest = text.partition(":")
    pairs = [p.partition("=") for p in rest.split(",") if p]
    assert Every(**{k: registry._read(v, spec.hints(Every)[k][0]) for k, _, v in pairs}) == params


@pytest.mark.parametrize("name", list(indexes.engines))
def test_every_parameter_of_every_engine_is_declared_in_full(name):
    cls = engine(name)
    fields = [*dataclasses.fields(cls.Build), *dataclasses.fields(cls.Search)]
    assert len({f.name for f in fields}) == len(fields), "a name is used for building and for searching"
    assert all(f.metadata["help"] for f in fields)
    assert parse(name) == Spec(name, cls.Build(), cls.Search())
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls.Build().anything = 3


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("hnsw:m=16", "unknown parameter 'm' of hnsw: did you mean 'M'"),
        ("hnsw:eff=16", "did you mean 'ef'"),
        ("hnsw:M", "write M=value"),
        ("hnsw:M=", "write M=value"),
        ("hnsw:M=8,M=9", "M is given twice"),
        ("hnsw:M=1", r"'M' parameter of HNSWBuild must be an int in the range \[2, 512\]. Got 1 instead"),
        ("hnsw:M=abc", "must be an int .* Got 'abc' instead"),
        ("hnsw:M=2.5", "Got '2.5' instead"),
        ("hnsw:storage=fp99", "one of float, sq8"),
        ("hnsw:ef=auto", "must be an int"),
        ("flat:M=3", "there are: none"),
    ],
)
def test_bad_specs(text, match):
    with pytest.raises(indexes.InvalidInput, match=match):
        parse(text)


@pytest.mark.parametrize(
    "bad",
    [
        {"number": 0},
        {"number": 10},
        {"number": True},
        {"number": "3"},
        {"number": None},
        {"share": -0.1},
        {"share": float("nan")},
        {"share": float("inf")},
        {"switch": 1},
        {"kind": "c"},
        {"auto": 0},
    ],
    ids=str,
)
def test_bad_values(bad):
    with pytest.raises(indexes.InvalidInput, match=f"'{next(iter(bad))}' parameter of Every must be"):
        Every(**bad)


def test_numpy_numbers_and_ints_for_floats_are_taken():
    params = Every(number=np.int32(4), share=1, auto=np.int64(7))
    assert params == Every(number=4, share=1.0, auto=7)
    assert [type(v) for v in (params.number, params.share, params.auto)] == [int, float, int]


def test_replace():
    assert Every().replace({"number": 4}) == Every(number=4)
    with pytest.raises(indexes.UnknownParameter, match="did you mean 'number'"):
        Every().replace({"numbr": 4})


def test_plain_defaults_are_parameters_without_limits():
    @dataclasses.dataclass(frozen=True)
    class Plain(Parameters):
        m: int = 32
        share: Optional[float] = None  # noqa: UP045 - as older code spells it
        name: str = "x"

    assert Plain() == Plain(m=32, share=None, name="x")
    assert str(Spec("mine", Plain(m=-5, share=1), Parameters())) == "mine:m=-5,share=1.0"
    with pytest.raises(indexes.InvalidInput, match=r"'m' parameter of Plain must be an int\. Got 2\.5"):
        Plain(m=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (("m", list, dataclasses.field(default_factory=list)), "needs a default"),
        (("m", list, None), "'m' parameter of Odd is a list; it must be an int, float, bool or str"),
        (("m", int | str, 3), "it must be an int, float, bool or str"),
    ],
)
def test_parameters_of_other_types_are_refused_by_name(field, said):
    odd = dataclasses.make_dataclass("Odd", [field], bases=(Parameters,), frozen=True)
    with pytest.raises(indexes.InvalidInput) as caught:
        odd()
    assert said in str(caught.value)


def test_a_parameter_without_a_default_is_refused_when_a_spec_is_read(monkeypatch):
    from indexes import registry
    from indexes.flat import FlatIndex

    lacking = dataclasses.make_dataclass("Lacking", [("m", int)], bases=(Parameters,), frozen=True)
    mine = type("Mine", (FlatIndex,), {"name": "mine-lacking", "Build": lacking})
    monkeypatch.setitem(registry._OWN, "mine-lacking", mine)
    with pytest.raises(indexes.InvalidInput, match="'m' parameter of Lacking needs a default"):
        parse("mine-lacking:m=3")
