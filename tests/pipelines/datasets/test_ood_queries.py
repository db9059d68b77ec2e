"""Queries of another distribution: from a file, the data's own, generated, and questions for a knowledge base."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.datasets import open_vectors
from rag.errors import InvalidInput

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(3)
BASE = RNG.standard_normal((200, 8)).astype(np.float32)
OWN = RNG.standard_normal((20, 8)).astype(np.float32)
OTHER = (RNG.standard_normal((30, 8)) + 4).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "base.npy", BASE)
    np.save(tmp_path / "own.npy", OWN)
    np.save(tmp_path / "other.npy", OTHER)
    np.savez(tmp_path / "both.npz", base=BASE, queries=OTHER)
    return tmp_path


def vibe(path, train, test, distance="normalized", **attributes):
    with h5py.File(path, "w") as file:
        file["train"], file["test"], file["learn"] = train, test, test[:5]
        file["neighbors"], file["distances"] = np.zeros((len(test), 100), int), np.zeros((len(test), 100))
        file["learn_neighbors"], file["avg_distances"] = np.zeros((5, 100), np.uint32), np.zeros(len(test))
        file.attrs.update({"distance": distance, "dimension": train.shape[1], "point_type": "float"} | attributes)
    return path


@pytest.mark.parametrize("name", ["other.npy", "both.npz"])
def test_a_second_file_of_queries(files, name):
    data = open_vectors(f"{files}/base.npy,{files}/own.npy", ood=str(files / name), metric="l2")
    assert (data.queries == OWN).all()
    assert (data.ood == OTHER).all()
    assert (data.base == BASE).all()
    assert data.ood_name == name
    assert data.of_ood is not None
    assert (data.of_ood.queries == OTHER).all()
    assert data.of_ood.ood is None
    plain = open_vectors(f"{files}/base.npy,{files}/own.npy", metric="l2")
    assert plain.of_ood is None
    assert plain.digest != data.digest, "rows with and without them are of different tasks"


def test_vibes_queries_are_the_other_ones_and_others_are_drawn(tmp_path):
    path = vibe(tmp_path / "yi-128-ip.hdf5", BASE, OTHER, "ip")
    data = open_vectors(str(path), ood="own")
    assert data.metric == "ip"
    assert (data.ood == OTHER).all()
    assert len(data.queries) == 20
    assert len(data) == 180
    rows = {row.tobytes() for row in BASE}
    assert {row.tobytes() for row in data.queries} < rows
    assert not {row.tobytes() for row in data.queries} & {row.tobytes() for row in data.base}
    assert data.ood_name == "the queries of yi-128-ip.hdf5"
    assert "learn, queries to train on, is not used" in data.notes
    assert (open_vectors(str(path)).queries == OTHER).all(), "without --ood they are the queries, as ever"


def test_vibes_packed_bits_are_unpacked(tmp_path):
    bits = RNG.integers(0, 2, (50, 20)).astype(np.uint8)
    asked = 1 - bits[:5]
    packed = vibe(
        tmp_path / "b.hdf5", np.packbits(bits, axis=1), np.packbits(asked, axis=1), "hamming",
        point_type="binary", dimension=20,
    )  # fmt: skip
    data = open_vectors(str(packed), keep_overlap=True)
    assert (data.metric, data.dim) == ("l2", 20)
    assert (data.base == bits).all()
    assert (data.queries == asked).all()
    wrong = vibe(
        tmp_path / "c.hdf5", np.packbits(bits, axis=1), np.packbits(asked, axis=1), "hamming",
        point_type="binary", dimension=64,
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="packs 64 bits"):
        open_vectors(str(wrong))


def test_generated_queries_are_apart_and_repeatable():
    data = open_vectors("synthetic:2kx24", ood="generated", n_queries=100)
    again = open_vectors("synthetic:2kx24", ood="generated", n_queries=100)
    plain = open_vectors("synthetic:2kx24", n_queries=100)
    assert data.ood is not None
    assert data.ood.shape == (100, 24)
    assert data.digest == again.digest
    assert (plain.base == data.base).all()
    assert (plain.queries == data.queries).all()

    def nearest(x):
        return np.median([np.square(data.base - row).sum(axis=1).min() for row in x])

    assert nearest(data.ood) > 3 * nearest(data.queries)


def test_a_file_of_questions_beside_sentences_of_the_chunks(tmp_path):
    from rag import Document, KnowledgeBase

    texts = [f"Otter number {i} eats fish and sleeps. It lives in river {i} with seven others." for i in range(30)]
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32", chunker="document") as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate(texts)])
    asked = tmp_path / "q.jsonl"
    asked.write_text("\n".join(json.dumps({"_id": str(i), "text": f"Where is otter {i}?"}) for i in range(7)))
    data = open_vectors(str(tmp_path / "kb"), ood=str(asked), n_queries=10)
    assert len(data.queries) == 10
    assert data.ood is not None
    assert data.ood.shape == (7, 32)
    assert data.ood_name.startswith("7 questions of")
    asked.write_text(json.dumps({"_id": "1", "text": texts[0]}))
    with pytest.raises(InvalidInput, match="every question of --ood"):
        open_vectors(str(tmp_path / "kb"), ood=str(asked))


def test_rows_among_these_queries_leave_the_base(files):
    np.save(files / "other.npy", np.vstack([OTHER, BASE[7:9]]))
    data = open_vectors(f"{files}/base.npy,{files}/own.npy", ood=str(files / "other.npy"))
    assert len(data) == 198
    assert data.ids.tolist() == list(range(198))
    assert "2 vectors equal to an out-of-distribution query taken out of the base" in data.notes
    kept = open_vectors(f"{files}/base.npy,{files}/own.npy", ood=str(files / "other.npy"), keep_overlap=True)
    assert len(kept) == 200
    few = open_vectors(f"{files}/base.npy,{files}/own.npy", ood=str(files / "other.npy"), n_queries=5)
    assert few.ood is not None
    assert len(few.ood) == 5


@pytest.mark.parametrize(
    ("data", "ood", "message"),
    [
        ("base.npy,own.npy", "missing.npy", "no file has this name; or give own"),
        ("base.npy", "own", "has no queries of its own"),
        ("base.npy,own.npy", "generated", "give --ood FILE, or --ood own"),
        ("synthetic:100x4", "own", "give --ood generated"),
        ("base.npy,own.npy", "wide.npy", "has vectors of 9 numbers, base.npy of 8"),
        ("base.npy,own.npy", "holes.npy", "row 1 holds NaN"),
        ("base.npy,own.npy", "lonely.npz", "holds no queries"),
    ],
)
def test_what_cannot_be_meant(files, data, ood, message):
    np.save(files / "wide.npy", np.ones((3, 9), np.float32))
    np.save(files / "holes.npy", np.where(np.arange(24).reshape(3, 8) == 9, np.nan, 1.0))
    np.savez(files / "lonely.npz", base=BASE)
    named = data if data.startswith("synthetic") else ",".join(str(files / part) for part in data.split(","))
    given = ood if ood in {"own", "generated"} else str(files / ood)
    with pytest.raises(InvalidInput, match=message):
        open_vectors(named, ood=given)
