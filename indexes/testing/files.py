"""The contract on saving and loading: what is loaded is what was saved, or is refused by the damaged file's name."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from .. import load
from ..errors import IndexDamaged, IndexMissing
from ..types import METRICS
from .damage import REPLACEMENTS, refused, survivors
from .oracle import DIM, cloud, shuffled_ids


class SavedContract:
    """Saved folders are whole or refused.

    A family gives ``small(factory, seed)``, an index of a few items, and the fixture ``lived``, an index that has seen
    changes.
    """

    cuts, bits = 6, 12
    least_damage, least_much_damage = 3 * 19 - 2, 3 * 80
    differing = frozenset({"ids.npy"})
    """Files that differ between two indexes of different items."""

    def small(self, factory, seed=0):
        raise NotImplementedError

    @pytest.fixture
    def saved(self, factory, tmp_path):
        self.small(factory).save(tmp_path / "index")
        return tmp_path / "index"

    def test_saving_over_an_older_one(self, lived, saved):
        lived.save(saved)
        assert len(load(saved)) == len(lived)
        assert [p.name for p in saved.parent.iterdir()] == ["index"]

    def test_saved_twice_gives_the_same_bytes(self, lived, tmp_path):
        for name in ("a", "b"):
            lived.save(tmp_path / name)
        for file in (tmp_path / "a").iterdir():
            assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()

    def test_an_emptied_index(self, factory, tmp_path):
        index = self.small(factory)
        index.remove(index.ids())
        index.save(tmp_path / "index")
        assert len(load(tmp_path / "index")) == 0

    def test_no_index_there(self, tmp_path):
        with pytest.raises(IndexMissing, match="nowhere"):
            load(tmp_path / "nowhere")
        (tmp_path / "empty").mkdir()
        with pytest.raises(IndexDamaged, match=r"manifest\.json"):
            load(tmp_path / "empty")

    def test_damaged_bytes_are_refused_by_name(self, saved, tmp_path):
        tried, accepted = survivors(saved, tmp_path, cuts=self.cuts, bits=self.bits)
        assert accepted == []
        assert tried >= self.least_damage

    @pytest.mark.slow
    def test_much_damage_is_refused_by_name(self, saved, tmp_path):
        tried, accepted = survivors(saved, tmp_path, cuts=20, bits=80)
        assert accepted == []
        assert tried >= self.least_much_damage

    @pytest.mark.parametrize("what", REPLACEMENTS)
    def test_something_else_in_the_place_of_a_file(self, saved, what):
        for name in sorted(p.name for p in saved.iterdir()):
            raw = (saved / name).read_bytes()
            REPLACEMENTS[what](saved / name)
            assert refused(saved, name), name
            if (saved / name).is_dir():
                (saved / name).rmdir()
            elif os.path.lexists(saved / name):
                (saved / name).unlink()
            (saved / name).write_bytes(raw)
        load(saved)

    def test_a_file_too_many(self, saved):
        (saved / "stray.bin").write_bytes(b"x")
        assert refused(saved, "stray.bin")

    def test_files_of_another_index(self, factory, saved, tmp_path):
        self.small(factory, 4).save(tmp_path / "other")
        swapped = set()
        for name in sorted(p.name for p in saved.iterdir()):
            mine, theirs = (saved / name).read_bytes(), (tmp_path / "other" / name).read_bytes()
            if mine == theirs:
                continue
            (saved / name).write_bytes(theirs)
            with pytest.raises(IndexDamaged, match=None if name == "manifest.json" else re.escape(name)):
                load(saved)
            (saved / name).write_bytes(mine)
            swapped.add(name)
        assert swapped > self.differing

    def test_a_full_disk_leaves_the_old_index(self, lived, saved, full_disk):
        before = {p.name: p.read_bytes() for p in saved.iterdir()}
        with full_disk(1000), pytest.raises(OSError, match="too large"):
            lived.save(saved)
        assert {p.name: p.read_bytes() for p in saved.iterdir()} == before
        assert [p.name for p in saved.parent.iterdir()] == ["index"]
        load(saved)


class FilesContract(SavedContract):
    """Folders that are whole or refused."""

    file_overhead = 4096
    """Bytes that an engine's files may have over what ``memory`` counts, besides 5 %."""
    not_saved: tuple[str, ...] = ()
    """Parts of ``memory`` that are made again on loading, and are in no file."""

    @pytest.fixture(params=METRICS)
    def lived(self, request, factory):
        """Give an index that has seen changes: built, added to, removed from."""
        index = factory(DIM, metric=request.param, seed=3)
        index.build(cloud(700), shuffled_ids(1000)[:700])
        index.add(cloud(300, DIM, 5), shuffled_ids(1000)[700:])
        index.remove(shuffled_ids(1000)[::10])
        return index

    def small(self, factory, seed=0):
        index = factory(DIM, metric="cosine")
        index.build(cloud(80, DIM, seed), shuffled_ids(80, seed))
        return index

    def test_loaded_equals_saved(self, lived, tmp_path):
        lived.save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert (loaded.spec, loaded.metric, loaded.dim, loaded.seed) == (lived.spec, lived.metric, DIM, 3)
        assert loaded.traits == lived.traits
        assert len(loaded) == 900
        assert (loaded.ids() == lived.ids()).all()
        q, allow = cloud(20, DIM, 1), shuffled_ids(1000)[:300]
        for options in ({}, {"allow": allow}):
            one, two = lived.search(q, 10, **options), loaded.search(q, 10, **options)
            assert (one.ids == two.ids).all()
            assert (one.scores == two.scores).all()

    def test_loaded_goes_on(self, lived, tmp_path):
        lived.save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        for index in (lived, loaded):
            index.remove(shuffled_ids(1000)[1:400:10])
            index.add(cloud(30, DIM, 9), np.arange(30) + 2**61)
        q = cloud(20, DIM, 9)
        assert (lived.search(q, 10).scores == loaded.search(q, 10).scores).all()
        assert (lived.ids() == loaded.ids()).all()
        loaded.optimize()
        assert len(loaded) == len(lived)

    def test_an_empty_index(self, factory, tmp_path):
        factory(DIM, metric="l2").save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert len(loaded) == 0
        loaded.add(cloud(50), np.arange(50))
        assert loaded.search(cloud(50)[:1], 1).ids.tolist() == [[0]]

    def test_memory_is_what_the_files_hold(self, lived, tmp_path):
        lived.optimize()
        lived.save(tmp_path / "index")
        files = sum(
            p.stat().st_size for p in (tmp_path / "index").iterdir() if p.name not in ("manifest.json", "ids.npy")
        )
        parts = lived.memory()
        claimed = sum(n for part, n in parts.items() if part not in ("ids", *self.not_saved))
        assert abs(claimed - files) <= 0.05 * files + self.file_overhead
