"""The pipeline value: TOML in and out, digest, equality, errors, and its place with a knowledge base."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from rag import Document, HashingEmbedder, KnowledgeBase, PipelineConfig, Retriever
from rag.errors import InvalidInput, StoreMismatch
from rag.llm.sampling import Sampling
from rag.retrieval.config import SETTING, parsed
from rag.retrieval.pipeline_toml import toml

FIELDS = {field.name: field for field in dataclasses.fields(PipelineConfig)}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
CHAINS = st.sampled_from(["none", "mmr", "mmr:diversity=0.5+recency", "late-interaction"])
VALUES = {
    "k": st.integers(1, 1000),
    "where": st.none() | st.sampled_from(['type == "pdf"', "year >= 2024 and not (draft == true)"]),
    "rewrite": st.sampled_from(["auto", "none", "spelling+rm3:docs=5,terms=7"]),
    "fusion": st.sampled_from(["zscore", "rrf", "dense", "terms", "adaptive:gain=0.5"]),
    "dense_weight": st.floats(0, 1),
    "depth": st.integers(1, 10_000),
    "max_per_source": st.none() | st.integers(1),
    "dedupe": st.booleans(),
    "rerank": CHAINS,
    "rerank_in": st.integers(1, 1000),
    "context": st.sampled_from(["none", "neighbours:sentences=2+unique"]),
    "model": st.none() | TEXT,
    "generator": st.sampled_from(["extractive", "openai:a b", "llamacpp:FILE.gguf"]),
    "base_url": st.none() | st.just("https://host:8000/v1"),
    "server": st.none() | TEXT,
    "deadline": st.none() | st.floats(0.001, 1e6),
    "threshold": st.none() | st.floats(0, 1),
    "unsupported": st.sampled_from(["mark", "drop"]),
    "nli": st.none() | TEXT,
    "instructions": st.none() | TEXT,
    "votes": st.integers(1, 64),
    "max_tokens": st.integers(1, 1_000_000),
    "temperature": st.none() | st.floats(0, 10),
    "top_k": st.none() | st.integers(1),
    "top_p": st.none() | st.floats(0, 1),
    "min_p": st.none() | st.floats(0, 1),
    "repetition_penalty": st.none() | st.floats(0.01, 100),
    "seed": st.none() | st.integers(0, 2**63 - 1),
    "stop": st.lists(TEXT, max_size=3).map(tuple),
    "cache": st.none() | TEXT,
    "prices": st.none() | TEXT,
}


def test_every_field_is_documented_and_tried_here() -> None:
    assert set(VALUES) == set(FIELDS)
    for field in FIELDS.values():
        assert len(field.metadata["help"]) > 10, field.name


@given(st.builds(PipelineConfig, **VALUES))
def test_toml_reads_back_as_the_same_value(config: PipelineConfig) -> None:
    text = config.dumps()
    back = PipelineConfig.loads(text)
    assert back == config
    assert back.digest == config.digest
    assert {**PipelineConfig().as_dict(), **tomllib.loads(text)}.keys() == FIELDS.keys()
    for field in FIELDS.values():
        assert f"# {field.metadata['help']}\n" in text


@given(TEXT)
def test_any_text_can_be_written(text: str) -> None:
    assert tomllib.loads(f"x = {toml(text)}") == {"x": text}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_the_digest_covers_what_may_change_an_answer_and_nothing_else(name: str) -> None:
    others = {
        "k": 6, "where": "a == 1", "rewrite": "none", "fusion": "rrf", "dense_weight": 0.5, "depth": 7,
        "max_per_source": 1, "dedupe": False, "rerank": "mmr", "rerank_in": 3, "context": "unique", "votes": 2,
        "generator": "openai:x", "unsupported": "drop", "max_tokens": 5, "stop": ("x",), "base_url": "http://h/v1",
    }  # fmt: skip
    kind = str(FIELDS[name].type)
    other = others.get(name, 0.5 if "float" in kind else 7 if "int" in kind else "x")
    changed = PipelineConfig().with_(**{name: other})
    assert changed.changed() == {name: other}
    same = FIELDS[name].metadata["use"] == "resource"
    assert (changed.digest == PipelineConfig().digest) == same
    assert changed != PipelineConfig()


def test_sampling_has_the_defaults_of_the_value() -> None:
    assert PipelineConfig().sampling == Sampling()
    assert PipelineConfig(votes=3, temperature=0.5, stop=("x",)).sampling == Sampling(n=3, temperature=0.5, stop=("x",))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rernak": "mmr"}, "unknown setting 'rernak' of a pipeline: did you mean 'rerank'"),
        ({"rerank": "mrm"}, "rerank: unknown reranker 'mrm': did you mean 'mmr'"),
        ({"rewrite": "speling"}, "did you mean 'spelling'"),
        ({"rewrite": "spelling,rm3"}, r"join parts by \+, as in 'spelling\+rm3'"),
        ({"context": "uniqe"}, "did you mean 'unique'"),
        ({"fusion": "zscor"}, "did you mean 'zscore'"),
        ({"fusion": "zscore+rrf"}, "takes one name"),
        ({"generator": "opnai:x"}, "did you mean 'openai'"),
        ({"k": 0}, "k must be a whole number from 1 to 1000, not 0"),
        ({"k": 2.0}, "k must be a whole number"),
        ({"k": True}, "k must be a whole number"),
        ({"dense_weight": float("nan")}, "dense_weight must be a number from 0 to 1"),
        ({"deadline": 0}, "deadline must be a number, 0.001 or more, or unset"),
        ({"stop": ("",)}, "stop must be texts, none empty"),
        ({"unsupported": "hide"}, "unsupported must be one of mark, drop"),
        ({"where": "year >"}, "year >"),
        ({"model": "a\ud800"}, "model must be a text"),
        ({"temperature": "hot"}, "temperature must be a number from 0 to 10, or unset"),
        ({"dedupe": "yes"}, "dedupe must be true or false"),
    ],
)
def test_what_is_not_allowed_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises((InvalidInput, ValueError), match=said):
        PipelineConfig().with_(**wrong)


def test_it_is_frozen_and_counts_as_a_value() -> None:
    config = PipelineConfig(k=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.k = 4  # type: ignore[misc]
    assert len({config, PipelineConfig(k=3), PipelineConfig()}) == 2
    assert PipelineConfig(dense_weight=1).dense_weight == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [("k = ", "not TOML"), ("kay = 3", "unknown setting 'kay'"), ("k = 1979-05-27", "whole number")],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=said) as found:
        PipelineConfig.load(file)
    assert "bot.toml" in str(found.value)
    with pytest.raises(InvalidInput, match=r"cannot read the configuration .*nowhere"):
        PipelineConfig.load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("k", "7", 7), ("dedupe", "FALSE", False), ("where", "", None), ("dense_weight", "0.5", 0.5),
     ("stop", "end", ("end",)), ("rerank", "mmr", "mmr"), ("k", "x", "x"), ("temperature", "auto", "auto")],
)  # fmt: skip
def test_texts_of_the_command_line_become_values(name: str, text: str, value: object) -> None:
    assert parsed(name, text) == value


def test_a_key_in_an_address_is_never_shown_or_stored(kb: KnowledgeBase) -> None:
    config = PipelineConfig(generator="openai:x", base_url="https://me:secret@host:1/v1?key=secret")
    assert config.base_url == "https://me:secret@host:1/v1?key=secret"
    assert config.as_dict()["base_url"] == "https://host:1/v1"
    assert "secret" not in config.dumps() + str(config.form())
    with pytest.raises(InvalidInput, match="base_url holds a key"):
        config.store(kb)


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32)) as made:
        made.add([Document.from_text("Otters hold hands.", id="otters")])
        yield made


def test_it_lives_with_the_knowledge_base(kb: KnowledgeBase, tmp_path: Path) -> None:
    assert PipelineConfig.of(kb) == PipelineConfig()
    config = PipelineConfig(k=2, rerank="mmr")
    config.store(kb)
    kb.close()
    with KnowledgeBase.open(tmp_path / "kb", mode="w", embedder=HashingEmbedder(32)) as again:
        assert PipelineConfig.of(again) == config
        assert Retriever(again).config == config
        assert Retriever(again, k=3).config == config.with_(k=3)
        assert Retriever(again, PipelineConfig()).config == PipelineConfig()
        PipelineConfig().store(again)
        assert again.setting(SETTING) is None


def test_a_value_of_a_later_version_is_refused_with_the_command_that_resets_it(kb: KnowledgeBase) -> None:
    kb.keep_setting(SETTING, "k = 3\nteleport = true\n")
    with pytest.raises(StoreMismatch, match=r"unknown setting 'teleport'.*rag configure .*kb --reset"):
        Retriever(kb)
