"""A stored pipeline, or a calibration, that changes holds for the next request; what runs goes on as it began."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.server.collections import ALL, Collections, opened
from rag import Bot, InvalidInput, KnowledgeBase, PipelineConfig

from .conftest import BEES, TEA

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def bases(tmp_path: Path) -> list[Path]:
    for name, text in (("tea", TEA), ("bees", BEES)):
        docs = tmp_path / f"docs-{name}"
        docs.mkdir()
        (docs / f"{name}.md").write_text(text)
        assert run(["ingest", str(docs), "--into", str(tmp_path / name), "--embedder", "hashing-64"]) == 0
    return [tmp_path / "tea", tmp_path / "bees"]


@contextmanager
def several(bases: list[Path]) -> Iterator[Collections]:
    with opened(bases, PipelineConfig.of, at_once=4) as collections:
        yield collections


def test_a_stored_pipeline_that_changes_holds(bases: list[Path]) -> None:
    with several(bases[:1]) as collections:
        before = collections.get("tea")
        collections.refresh()
        assert collections.get("tea") is before
        assert run(["configure", str(bases[0]), "--set", "k=1"]) == 0
        collections.refresh()
        after = collections.get("tea")
        assert (before.bot.config.k, after.bot.config.k) != (1, 1)
        assert after.bot.config.k == 1
        assert len(after.bot.ask("tea").passages) == 1
        assert before.bot.ask("tea").passages  # what has begun with it goes on
        collections.refresh()
        assert collections.get("tea") is after
        assert run(["configure", str(bases[0]), "--undo"]) == 0
        collections.refresh()
        assert collections.get("tea").bot.config.k == before.bot.config.k


def test_one_of_several_changes_alone_and_all_of_them_together(bases: list[Path]) -> None:
    with several(bases) as collections:
        assert collections.names == [ALL, "tea", "bees"]
        before = {name: collections.get(name) for name in collections.names}
        for base in bases:
            assert run(["configure", str(base), "--set", "k=1"]) == 0
        collections.refresh()
        assert all(collections.get(name) is not before[name] for name in collections.names)
        assert collections.get(ALL).bot.config.k == 1


def test_a_calibration_that_is_stored_holds(bases: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.generation.calibration import setting_of

    with several(bases[:1]) as collections:
        before = collections.get("tea")
        seen: list[Bot] = []

        real = Bot._made_answering

        def made(bot: Bot, generator: Any, *, calibrated: bool) -> Any:
            seen.append(bot)
            assert calibrated
            return real(bot, generator, calibrated=False)  # what is stored below is none

        monkeypatch.setattr(Bot, "_made_answering", made)
        with KnowledgeBase.open(bases[0], mode="w") as kb:
            kb.keep_setting(setting_of("extractive"), "{}")
        collections.refresh()
        assert collections.get("tea") is not before
        assert seen == [collections.get("tea").bot]


def test_a_pipeline_that_cannot_be_used_changes_nothing(bases: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    with several(bases[:1]) as collections:
        before = collections.get("tea")
        with KnowledgeBase.open(bases[0], mode="w") as kb:
            kb.keep_setting("pipeline", "k = 'many'")
        with caplog.at_level(logging.WARNING):
            collections.refresh()
            collections.refresh()
        assert collections.get("tea") is before
        assert len([each for each in caplog.records if "the one before holds" in each.message]) == 1


def test_what_is_replaced_is_closed_once_nobody_uses_it(bases: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    original = Bot.close
    monkeypatch.setattr(Bot, "close", lambda bot: (closed.append(bot.config.digest), original(bot))[1])
    with several(bases[:1]) as collections:
        used = collections.get("tea")
        first = used.bot.config.digest
        assert run(["configure", str(bases[0]), "--set", "k=1"]) == 0
        collections.refresh()
        gc.collect()
        assert closed == []
        del used
        gc.collect()
        assert closed == [first]
    assert len(closed) == 2


def test_variants_answer_by_settings_of_their_own(bases: list[Path]) -> None:
    def one(kb: KnowledgeBase) -> PipelineConfig:
        return PipelineConfig.of(kb).with_(k=1)

    with opened(bases, PipelineConfig.of, at_once=4, variants={"one": one}) as collections:
        assert collections.names == [ALL, "tea", "bees", "tea@one", "bees@one"]
        assert len(collections.get("tea@one").bot.ask("tea or bees").passages) == 1
        assert collections.get("tea@one").folder == bases[0]
        assert run(["configure", str(bases[0]), "--set", "rerank=mmr"]) == 0
        collections.refresh()
        changed = collections.get("tea@one").bot.config
        assert (changed.k, changed.rerank) == (1, "mmr")
    with pytest.raises(InvalidInput, match="name it by letters"), opened(bases, one, at_once=1, variants={"a/b": one}):
        pass


@pytest.mark.parametrize("given", ["fast", "fast=", "=x.toml"])
def test_a_variant_that_is_not_written_right(bases: list[Path], given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", str(bases[0]), "--port", "0", "--variant", given]) == 64
    assert "variant" in capsys.readouterr().err
