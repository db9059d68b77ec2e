"""Find and load a causal model of transformers: safetensors only, no code of its own, typed errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...embedding.torch_runtime import need_torch
from ...errors import InvalidInput, LLMUnsupported, ModelDamaged, ModelMissing


def load(model: str, device: str, dtype: str) -> tuple[Any, Any]:
    """Return tokenizer and model, ready on its device; errors are those of `TransformersChat`."""
    need_torch(f"language model {model!r}", "transformers")
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    if model.startswith((".", "/", "~")) and not Path(model).expanduser().is_dir():
        raise ModelMissing(f"{model}: no such folder; give the folder of a causal model, or its name on the hub")
    place = str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model
    _check_dtype(dtype)
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
            loaded = AutoModelForCausalLM.from_pretrained(
                place, trust_remote_code=False, use_safetensors=True, dtype=dtype
            )
    except SafetensorError as error:
        raise ModelDamaged(f"{model}: its weights cannot be read ({error}); fetch them again") from error
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise _not_loaded(model, error) from error
    loaded.generation_config = GenerationConfig.from_dict(
        {name: getattr(loaded.generation_config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    )
    try:
        return tokenizer, loaded.to(_device(device)).eval()
    except (RuntimeError, AssertionError) as error:  # torch raises both for a missing device
        raise InvalidInput(f"device={device!r}: {str(error).splitlines()[0]}") from error


def _check_dtype(dtype: str) -> None:
    import torch

    kind = getattr(torch, dtype, None)
    if dtype != "auto" and not (isinstance(kind, torch.dtype) and kind.is_floating_point):
        raise InvalidInput(f"dtype={dtype!r}: write auto, float32, bfloat16 or float16")


def _not_loaded(model: str, error: Exception) -> Exception:
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "trust_remote_code" in str(error):
        return LLMUnsupported(f"{model} wants to run code of its own, which is never done; take another model")
    if isinstance(error, OSError):
        from huggingface_hub.constants import HF_HUB_OFFLINE

        if HF_HUB_OFFLINE and not Path(model).expanduser().is_dir():
            return ModelMissing(
                f"{model}: not on this machine, and HF_HUB_OFFLINE forbids fetching it; give the folder of a local copy"
            )
        return ModelMissing(f"{model}: {said} (weights are read from safetensors only)")
    if isinstance(error, ImportError):
        return LLMUnsupported(f"{model}: its tokenizer or weights need a library that is not installed: {said}")
    if isinstance(error, KeyError) or "Unrecognized" in said:
        return LLMUnsupported(f"{model}: not a causal language model that transformers knows ({said})")
    return ModelDamaged(f"{model}: {said}")


def _device(device: str) -> str:
    import torch

    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def end_tokens(model: Any, tokenizer: Any) -> list[int]:  # noqa: ANN401 - untyped library
    """Return the ids of all tokens that end an answer."""
    declared = model.generation_config.eos_token_id
    ends = declared if isinstance(declared, list) else [declared, tokenizer.eos_token_id]
    return sorted({int(end) for end in ends if end is not None})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' progress bar off the terminal."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
