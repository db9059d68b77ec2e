"""Files of vectors: read right by other hands' writing, refused when damaged, queries apart from the base."""

from __future__ import annotations

import gzip
import json
import struct

import h5py
import numpy as np
import pytest

from pipelines.datasets import open_vectors
from pipelines.datasets.knowledge_base import made_questions
from rag.embedding import HashingEmbedder
from rag.errors import ExtraMissing, InvalidInput

RNG = np.random.default_rng(3)
BASE = RNG.standard_normal((50, 4)).astype(np.float32)
QUERIES = RNG.standard_normal((7, 4)).astype(np.float32)
BYTES = RNG.integers(0, 255, (50, 4), np.uint8)


def texmex(path, array, kind):
    path.write_bytes(b"".join(struct.pack("<i", len(row)) + row.astype(kind).tobytes() for row in array))
    return path


def hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def test_fvecs_of_base_and_queries(tmp_path):
    base, queries = texmex(tmp_path / "b.fvecs", BASE, "<f4"), texmex(tmp_path / "q.fvecs", QUERIES, "<f4")
    data = open_vectors(f"{base},{queries}")
    assert (data.base == BASE).all()
    assert (data.queries == QUERIES).all()
    assert (data.metric, data.name, data.dim) == ("l2", "b.fvecs", 4)
    assert data.base.dtype == np.float32
    assert data.ids.tolist() == list(range(50))


def test_bvecs_and_ivecs_are_read_as_numbers(tmp_path):
    data = open_vectors(f"{texmex(tmp_path / 'b.bvecs', BYTES, 'u1')},{texmex(tmp_path / 'q.ivecs', QUERIES, '<i4')}")
    assert (data.base == BYTES).all()
    assert (data.queries == QUERIES.astype(np.int32)).all()


@pytest.mark.parametrize(("distance", "metric"), [("euclidean", "l2"), ("angular", "cosine"), ("dot", "ip")])
def test_hdf5_of_ann_benchmarks(tmp_path, distance, metric):
    path = hdf5(tmp_path / "x-4-euclidean.hdf5", train=BASE, test=QUERIES)
    with h5py.File(path, "a") as file:
        file.attrs["distance"] = distance
    data = open_vectors(str(path))
    assert (data.base == BASE).all()
    assert (data.queries == QUERIES).all()
    assert data.metric == metric


@pytest.mark.parametrize(
    ("said", "metric"), [("l2", "l2"), ("innerproduct", "ip"), ("Inner Product", "ip"), ("cosinesimil", "cosine")]
)
def test_hdf5_with_other_words_for_distances(tmp_path, said, metric):
    path = hdf5(tmp_path / "x.hdf5", train=BASE, test=QUERIES)
    with h5py.File(path, "a") as file:
        file.attrs["distance"] = said
    assert open_vectors(str(path)).metric == metric
    assert open_vectors(str(path), metric="cosine").metric == "cosine"


def test_hdf5_of_bits_is_measured_by_the_squared_distance(tmp_path):
    bits = np.random.default_rng(0).random((60, 24)) < 0.5
    path = hdf5(tmp_path / "bits.hdf5", train=bits[:50], test=bits[50:])
    with h5py.File(path, "a") as file:
        file.attrs["distance"] = "hamming"
    data = open_vectors(str(path), keep_overlap=True)
    assert (data.metric, data.base.dtype) == ("l2", np.float32)
    assert "Hamming" in data.notes[0]
    squares = np.square(data.queries[:, None] - data.base[None]).sum(axis=2)
    assert (squares == (bits[50:][:, None] != bits[None, :50]).sum(axis=2)).all()
    with h5py.File(path, "a") as file:
        file["train"][...] = True
        del file["test"]
        file["test"] = np.full((2, 24), 9, np.uint8)
    with pytest.raises(InvalidInput, match="unpack its bits"):
        open_vectors(str(path))


def test_hdf5_of_a_distance_that_no_index_has_needs_a_metric(tmp_path):
    path = hdf5(tmp_path / "x.hdf5", train=BASE, test=QUERIES)
    assert "names no distance" in open_vectors(str(path)).notes[0]
    with h5py.File(path, "a") as file:
        file.attrs["distance"] = "jaccard"
    with pytest.raises(InvalidInput, match=r"measured by 'jaccard'.*--metric"):
        open_vectors(str(path))
    assert open_vectors(str(path), metric="ip").metric == "ip"
    with h5py.File(path, "a") as file:
        file["size_train"] = np.array([3, 4])
    with pytest.raises(InvalidInput, match="holds sets"):
        open_vectors(str(path), metric="ip")


@pytest.mark.parametrize(("ending", "dtype"), [("fbin", "<f4"), ("u8bin", "u1"), ("i8bin", "i1")])
def test_files_of_the_billion_scale_challenges(tmp_path, ending, dtype):
    for name, x in (("base", BASE), ("query", QUERIES)):
        head = np.array(x.shape, "<u4").tobytes()
        (tmp_path / f"{name}.{ending}").write_bytes(head + np.rint(x).astype(dtype).tobytes())
    data = open_vectors(f"{tmp_path / 'base'}.{ending},{tmp_path / 'query'}.{ending}", keep_overlap=True)
    assert (data.base == np.rint(BASE).astype(dtype)).all()
    assert (data.queries == np.rint(QUERIES).astype(dtype)).all()
    assert data.metric == "l2"
    whole = (tmp_path / f"base.{ending}").read_bytes()
    for cut, message in ((whole[:-1], "is it whole"), (whole + b"0000", "is it whole"), (b"123", "no vectors")):
        (tmp_path / f"cut.{ending}").write_bytes(cut)
        with pytest.raises(InvalidInput, match=message):
            open_vectors(str(tmp_path / f"cut.{ending}"))
    (tmp_path / f"empty.{ending}").write_bytes(bytes(8))
    with pytest.raises(InvalidInput, match="it is not a"):
        open_vectors(str(tmp_path / f"empty.{ending}"))


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow"])
def test_a_column_of_a_table(tmp_path, ending):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    def written(name, **table):
        path = tmp_path / f"{name}.{ending}"
        write = parquet.write_table if ending == "parquet" else feather.write_feather
        write(pyarrow.table(table), path)
        return str(path)

    rows = BASE.astype(np.float32).tolist()
    data = open_vectors(written("x", text=["a"] * len(rows), embedding=rows), keep_overlap=True)
    assert sorted(map(tuple, np.concatenate((data.base, data.queries)))) == sorted(map(tuple, np.float32(rows)))
    two = {"one": rows, "two": rows}
    for table, message in (
        ({"text": ["a", "b"]}, "no column of lists"),
        (two, "columns of lists of numbers, one, two: name the one"),
        ({"emb": [[1.0], [1.0, 2.0], [3.0, 4.0, 5.0]]}, "differ in length"),
        ({"emb": [[1.0, 2.0], None]}, "1 rows of emb are empty"),
        ({"emb": [[1.0, None]]}, "an empty number"),
    ):
        with pytest.raises(InvalidInput, match=message):
            open_vectors(written("y", **table))
    assert open_vectors(written("z", **two, vector=rows)).metric == "cosine"


def test_a_mask_is_no_table_of_vectors_and_bfloat16_is_read(tmp_path):
    np.save(tmp_path / "mask.npy", np.ones((5, 4), np.bool_))
    with pytest.raises(InvalidInput, match=r"as x\[mask\]"):
        open_vectors(str(tmp_path / "mask.npy"))
    wide = np.arange(40, dtype=np.float32).reshape(10, 4)
    np.save(tmp_path / "bf16.npy", (wide.view(np.uint32) >> 16).astype(np.uint16).view("V2"))
    data = open_vectors(str(tmp_path / "bf16.npy"))
    assert sorted(np.concatenate((data.base, data.queries))[:, 0]) == wide[:, 0].tolist()


def test_npy_gives_its_own_queries_and_takes_them_out(tmp_path):
    np.save(tmp_path / "x.npy", BASE)
    data = open_vectors(str(tmp_path / "x.npy"))
    assert (len(data), len(data.queries), data.metric) == (45, 5, "cosine")
    assert sorted(map(tuple, np.concatenate((data.base, data.queries)))) == sorted(map(tuple, BASE))
    assert "5 vectors drawn at random" in data.notes[0]
    assert open_vectors(str(tmp_path / "x.npy")).digest == data.digest
    assert open_vectors(str(tmp_path / "x.npy"), seed=1).digest != data.digest


def test_npz_and_a_folder_that_holds_one(tmp_path):
    np.savez(tmp_path / "x.npz", base=BYTES, queries=BYTES[:3] + np.uint8(1), neighbors=BYTES)
    data = open_vectors(str(tmp_path))
    assert (len(data), len(data.queries), data.metric, data.name) == (50, 3, "l2", "x.npz")
    np.save(tmp_path / "y.npy", BASE)
    with pytest.raises(InvalidInput, match=r"2 files of vectors: x.npz, y.npy"):
        open_vectors(str(tmp_path))


@pytest.mark.parametrize("ending", ["x-images-idx3-ubyte", "x-images-idx3-ubyte.gz"])
def test_idx_pictures_become_vectors(tmp_path, ending):
    raw = struct.pack(">HBBiii", 0, 8, 3, 50, 2, 2) + BYTES.tobytes()
    (tmp_path / ending).write_bytes(gzip.compress(raw) if ending.endswith("gz") else raw)
    data = open_vectors(str(tmp_path / ending))
    both = np.concatenate((data.base, data.queries))
    assert sorted(map(tuple, both)) == sorted(map(tuple, BYTES.astype(np.float32)))
    assert data.metric == "l2"


def test_synthetic_vectors_are_the_same_every_time_and_have_near_neighbours():
    data = open_vectors("synthetic: 2k x 16", n_queries=50)
    assert (len(data), data.dim, len(data.queries)) == (2000, 16, 50)
    assert open_vectors("synthetic:2kx16", n_queries=50).digest == data.digest
    distances = np.linalg.norm(data.queries[:, None] - data.base[None], axis=2)
    assert np.median(distances.min(axis=1)) < 0.5 * np.median(distances)


def test_queries_in_the_base_are_taken_out_unless_wanted(tmp_path):
    base = np.concatenate((BASE, QUERIES[:3], QUERIES[:1], [[0.0, 0, 0, 0]])).astype(np.float32)
    queries = np.concatenate((QUERIES, [[-0.0, 0, 0, 0]])).astype(np.float32)  # minus zero is zero
    np.save(tmp_path / "b.npy", base)
    np.save(tmp_path / "q.npy", queries)
    data = open_vectors(f"{tmp_path}/b.npy,{tmp_path}/q.npy")
    assert (data.base == BASE).all()
    assert "5 vectors equal to a query taken out" in data.notes[0]
    kept = open_vectors(f"{tmp_path}/b.npy,{tmp_path}/q.npy", keep_overlap=True)
    assert len(kept) == 55
    assert "5 vectors equal to a query left in" in kept.notes[0]


def test_many_queries_are_drawn_from(tmp_path):
    np.save(tmp_path / "b.npy", BASE)
    np.save(tmp_path / "q.npy", QUERIES)
    data = open_vectors(f"{tmp_path}/b.npy,{tmp_path}/q.npy", n_queries=3, metric="ip")
    assert len(data.queries) == 3
    assert data.metric == "ip"
    assert "3 of 7 queries" in data.notes[0]


def write_damaged(folder):
    """Yield (what follows --data, what the error must say)."""
    good = texmex(folder / "good.fvecs", BASE, "<f4")
    cut = folder / "cut.fvecs"
    cut.write_bytes(good.read_bytes()[:-3])
    yield str(cut), r"cut.fvecs is truncated, or its vectors differ in length: 997 bytes are 49 vectors of 4 numbers"
    odd = folder / "odd.fvecs"
    odd.write_bytes(good.read_bytes()[:20] + struct.pack("<i", 3) + good.read_bytes()[24:])
    yield str(odd), "vector 1 says it has 3 numbers, the first one has 4"
    (folder / "empty.fvecs").write_bytes(b"")
    yield str(folder / "empty.fvecs"), "holds 0 bytes"
    (folder / "text.fvecs").write_text("no vectors at all")
    yield str(folder / "text.fvecs"), "it is not a .fvecs file"
    whole = hdf5(folder / "whole.hdf5", train=np.ones((3000, 64), np.float32), test=QUERIES)
    (folder / "cut.hdf5").write_bytes(whole.read_bytes()[:100_000])
    yield str(folder / "cut.hdf5"), r"cut.hdf5 cannot be read as HDF5: .*is it whole"
    (folder / "text.hdf5").write_text("no HDF5")
    yield str(folder / "text.hdf5"), "cannot be read as HDF5"
    yield str(hdf5(folder / "no-test.hdf5", train=BASE)), "has no table test, only train"
    yield str(hdf5(folder / "dims.hdf5", train=BASE, test=QUERIES[:, :3])), "vectors of 4 numbers, the queries of 3"
    np.save(folder / "good.npy", BASE)
    (folder / "cut.npy").write_bytes((folder / "good.npy").read_bytes()[:-5])
    yield str(folder / "cut.npy"), "cut.npy cannot be read as .npy"
    np.save(folder / "flat.npy", BASE.ravel())
    yield str(folder / "flat.npy"), r"shape \(n, dim\); it has shape \(200,\)"
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    yield str(folder / "words.npy"), "must hold numbers"
    np.save(folder / "objects.npy", np.array([[{}]], object), allow_pickle=True)
    yield str(folder / "objects.npy"), "cannot be read as .npy"
    nan = BASE.copy()
    nan[17, 2] = np.nan
    np.save(folder / "nan.npy", nan)
    yield str(folder / "nan.npy"), "row 17 holds NaN or infinity"
    np.save(folder / "one.npy", BASE[:1])
    yield str(folder / "one.npy"), "2 are needed"
    yield f"{folder}/good.npy,{folder}/good.npy", "every vector of the base is a query too"
    for name in ("group.hdf5", "words.hdf5"):
        with h5py.File(folder / name, "w") as file:
            file.create_group("train") if name == "group.hdf5" else file.create_dataset("train", data=[b"a"])
            file["test"] = QUERIES
    yield str(folder / "group.hdf5"), "has no table train, only test, train"
    yield str(folder / "words.hdf5"), r"must be a table of vectors"
    yield from write_hdf5_that_points_elsewhere(folder)
    np.save(folder / "large.npy", BASE.astype(np.float64) * 1e300)
    yield str(folder / "large.npy"), "row 0 .* is too large for float32"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 1000), }".ljust(117) + b"\n"
    (folder / "liar.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(100))
    yield str(folder / "liar.npy"), r"more memory than is available \(Unable to allocate .*is it whole"
    truth = texmex(folder / "truth.ivecs", BASE.astype(np.int32), "<i4")
    yield f"{good},{truth}", r"truth.ivecs holds whole numbers, as lists of true neighbours do"
    (folder / "good.fvecs.gz").write_bytes(gzip.compress(good.read_bytes()))
    yield str(folder / "good.fvecs.gz"), "unpack it first"
    np.savez(folder / "good.npz", base=BASE)
    (folder / "cut.npz").write_bytes((folder / "good.npz").read_bytes()[:-40])
    yield str(folder / "cut.npz"), "cannot be read as .npz"
    np.savez(folder / "names.npz", a=BASE, b=BASE)
    yield str(folder / "names.npz"), "holds a, b; name the vectors 'base'"
    raw = struct.pack(">HBBiii", 0, 8, 3, 50, 2, 2) + BYTES.tobytes()
    (folder / "cut-idx3-ubyte").write_bytes(raw[:-1])
    yield str(folder / "cut-idx3-ubyte"), "is truncated"
    (folder / "cut-idx3-ubyte.gz").write_bytes(gzip.compress(raw)[:-20])
    yield str(folder / "cut-idx3-ubyte.gz"), "truncated"
    (folder / "more-idx3-ubyte.gz").write_bytes(gzip.compress(raw + bytes(10)))
    yield str(folder / "more-idx3-ubyte.gz"), "longer than it says"
    yield str(folder / "nowhere.npy"), "no file or knowledge base"
    (folder / "x.parquet").write_text("")
    yield str(folder / "x.parquet"), r"cannot be read as .parquet"
    yield "synthetic:100k by 128", "write for example"
    yield "synthetic:1000m x 1000", "4,000,000,000 numbers"
    yield " ", "--data is empty"


def test_what_is_damaged_or_of_the_wrong_shape_is_named(tmp_path):
    n = 0
    for data, message in write_damaged(tmp_path):
        with pytest.raises(InvalidInput, match=message):
            open_vectors(data)
        n += 1
    assert n == 35


def write_hdf5_that_points_elsewhere(folder):
    hdf5(folder / "other.h5", train=BASE)
    BASE.tofile(folder / "other.raw")
    for name in ("link.hdf5", "within.hdf5", "storage.hdf5", "virtual.hdf5"):
        with h5py.File(folder / name, "w") as file:
            file["test"] = QUERIES
            if name == "link.hdf5":
                file["train"] = h5py.ExternalLink("other.h5", "/train")
            elif name == "within.hdf5":
                file["elsewhere"] = h5py.ExternalLink("other.h5", "/")
                file["train"] = h5py.SoftLink("/elsewhere/train")
            elif name == "storage.hdf5":
                file.create_dataset("train", BASE.shape, "<f4", external=[(str(folder / "other.raw"), 0, BASE.nbytes)])
            else:
                layout = h5py.VirtualLayout(BASE.shape, "<f4")
                layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "train", shape=BASE.shape)
                file.create_virtual_dataset("train", layout)
    yield str(folder / "link.hdf5"), "train is a link to another file"
    yield str(folder / "within.hdf5"), "train is a link to another file"
    yield str(folder / "storage.hdf5"), "the values of train are in other files"
    yield str(folder / "virtual.hdf5"), "the values of train are in other files"


def test_what_unpacks_to_more_than_the_bound_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.datasets.numpy_files.MOST_UNPACKED", 1_000_000)
    monkeypatch.setattr("pipelines.datasets.hdf5_files.MOST_UNPACKED", 1_000_000)
    zeros = np.zeros((10_000, 32), np.float32)
    np.savez_compressed(tmp_path / "bomb.npz", base=zeros)
    with pytest.raises(InvalidInput, match=r"bomb.npz unpacks to 0.0 GB, more than 0.0; save its arrays as .npy"):
        open_vectors(str(tmp_path / "bomb.npz"))
    with h5py.File(tmp_path / "bomb.hdf5", "w") as file:
        file.create_dataset("train", data=zeros, compression="gzip")
        file["test"] = zeros[:3]
    with pytest.raises(InvalidInput, match=r"train unpacks to 0.0 GB"):
        open_vectors(str(tmp_path / "bomb.hdf5"))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_mutated_numpy_files_are_read_or_refused(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    np.save(path, BASE) if kind == "npy" else np.savez(path, base=BASE, queries=QUERIES)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(7), 0
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(0, 130 if kind == "npy" else len(data), rng.integers(1, 5)):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        try:
            open_vectors(str(path))
        except InvalidInput:
            refused += 1
    assert refused > 100


def test_hdf5_without_its_library(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "x.hdf5").write_text("")
    with pytest.raises(ExtraMissing, match=r"rag-workbench\[benchmark\]"):
        open_vectors(str(tmp_path / "x.hdf5"))


@pytest.fixture
def kb(tmp_path):
    from rag import Document, KnowledgeBase

    texts = [f"Otter number {i} eats fish and sleeps. It lives in river {i} with seven others." for i in range(30)]
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32", chunker="document", metric="ip") as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate(texts)])
    return tmp_path / "kb"


def test_a_knowledge_base_gives_its_chunks_and_sentences_as_questions(kb):
    from rag import KnowledgeBase

    data = open_vectors(str(kb), n_queries=10)
    with KnowledgeBase.open(kb) as base:
        assert data.ids.tolist() == base.chunk_ids().tolist()
        assert (data.base == base.vectors(data.ids.tolist())).all()
    assert (data.metric, len(data.queries), data.name) == ("ip", 10, "kb")
    stored = {row.tobytes() for row in data.base}
    assert not any(row.tobytes() in stored for row in data.queries)


def test_chunks_without_sentences_give_words_in_a_row(tmp_path):
    from rag import Document, KnowledgeBase

    texts = [" ".join(f"w{i}x{j}" for j in range(60)) for i in range(30)]
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32", chunker="document") as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate([*texts, "too short"])])
    with KnowledgeBase.open(tmp_path / "kb") as base:
        made = made_questions(base, 20, 0)
        assert len(made) == 20
        assert all(text in record.text for text, record in zip(made.values(), base.chunks(list(made)), strict=True))
        assert {len(text.split()) for text in made.values()} == {12}
        assert made_questions(base, 20, 0) == made
        assert len(made_questions(base, 100, 0)) == 30


def test_chunks_of_a_sentence_each_give_a_part_of_it(tmp_path):
    from rag import Document, KnowledgeBase

    texts = [f"Otter number {i} sleeps in the river." for i in range(30)]
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32") as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate([*texts, "five words are too few"])])
    with KnowledgeBase.open(tmp_path / "kb") as base:
        made = made_questions(base, 100, 0)
        assert all(text in record.text for text, record in zip(made.values(), base.chunks(list(made)), strict=True))
    assert [len(text.split()) for text in made.values()] == 30 * [4]


def test_a_knowledge_base_has_its_own_metric(kb):
    with pytest.raises(InvalidInput, match="--metric l2 is for files"):
        open_vectors(str(kb), metric="l2")


def test_whole_numbers_are_measured_by_l2_others_by_cosine(tmp_path):
    np.save(tmp_path / "bytes.npy", BYTES.reshape(50, -1))
    np.save(tmp_path / "reals.npy", BASE)
    assert open_vectors(str(tmp_path / "bytes.npy")).metric == "l2"
    assert open_vectors(str(tmp_path / "reals.npy")).metric == "cosine"


def test_a_knowledge_base_with_a_file_of_questions(kb, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"_id": "1", "text": "Where do otters live?"}\nrubbish\n')
    data = open_vectors(str(kb), questions=str(tmp_path / "q.jsonl"))
    assert (data.queries == HashingEmbedder(32).embed_queries(["Where do otters live?"])).all()
    assert data.notes == (f"1 questions of {tmp_path / 'q.jsonl'}, 1 lines left out",)
    text = "Otter number 3 eats fish and sleeps. It lives in river 3 with seven others."
    lines = [json.dumps({"_id": str(i), "text": each}) for i, each in enumerate([text, "Where do otters live?"])]
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    apart, together = (
        open_vectors(str(kb), questions=str(tmp_path / "q.jsonl"), keep_overlap=keep) for keep in (False, True)
    )
    assert (len(apart.queries), len(together.queries)) == (1, 2)
    assert apart.notes[1] == "1 questions that are a chunk, word for word, left out"
    (tmp_path / "q.jsonl").write_text(lines[0])
    with pytest.raises(InvalidInput, match="every question is a chunk"):
        open_vectors(str(kb), questions=str(tmp_path / "q.jsonl"))
    (tmp_path / "q.jsonl").write_text("rubbish\n")
    with pytest.raises(InvalidInput, match="not hold a question that can be asked"):
        open_vectors(str(kb), questions=str(tmp_path / "q.jsonl"))
