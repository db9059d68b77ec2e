"""Sweeps: which configurations a text stands for, and that each index is built once."""

from __future__ import annotations

import pytest

from indexes import UnknownParameter
from pipelines.benchmark.sweep import across_engines, checked_grid, installed, plan, values
from rag.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16..48", "16 32 48"),
        ("16..64", "16 32 64"),
        ("1..128", "1 2 4 8 16 32 64 128"),
        ("10..30..10", "10 20 30"),
        ("10..35..10", "10 20 30"),
        ("256|1024", "256 1024"),
        ("4|16..32|auto|16", "4 16 32 auto"),
        ("0.5..2.0", "0.5 1 2"),
        ("7..7", "7"),
        ("true|false", "true false"),
    ],
)
def test_values(text, expected):
    assert values(text) == expected.split()


@pytest.mark.parametrize("text", ["48..16", "0..8", "1..", "..4", "1|", "1..9..0", "1..1000000000..1"])
def test_values_that_cannot_be_meant(text):
    with pytest.raises(InvalidInput):
        values(text)


def test_every_combination_and_each_index_once():
    tasks = plan(["hnsw:M=16..48,ef=32|64", "flat", "ivfpq:nlist=256|1024", "hnsw:ef=64|128,M=16"])
    specs = [task.configuration(search) for task in tasks for search in task.searches]
    assert specs == [
        "hnsw:M=16,ef=32", "hnsw:M=16,ef=64", "hnsw:M=16",
        "hnsw:ef=32", "hnsw:ef=64", "hnsw:M=48,ef=32", "hnsw:M=48,ef=64",
        "flat", "ivfpq:nlist=256", "ivfpq:nlist=1024",
    ]  # fmt: skip
    assert len(tasks) == 6


def test_a_grid_fills_in_what_a_spec_leaves_open():
    tasks = plan(["hnsw:M=24"], "quick")
    assert len(tasks) == 1
    assert len(tasks[0].searches) == len(values("16..128"))
    assert all("M=24" in task.configuration(search) for task in tasks for search in task.searches)


@pytest.mark.parametrize("name", ["quick", "full"])
def test_every_grid_can_be_read(name):
    usable, _ = installed(64)
    tasks = plan(usable, checked_grid(name))
    tried = [each for each in usable if each != "bits"]  # it takes vectors of 0 and 1 only
    assert {task.engine for task in tasks} == set(tried)
    order = [task.engine for task in across_engines(tasks)]
    assert order[: len(tried)] == tried
    assert sorted(order) == sorted(task.engine for task in tasks)


def test_names_that_do_not_exist():
    with pytest.raises(UnknownParameter, match="ef_construction"):
        plan(["hnsw:ef_constrution=1|2"])
    with pytest.raises(InvalidInput, match="give one of quick, full"):
        checked_grid("fast")
    with pytest.raises(InvalidInput, match="given twice"):
        plan(["hnsw:M=1,M=2"])
