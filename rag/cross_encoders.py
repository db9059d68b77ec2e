"""Cross-encoders of sentence-transformers from this machine: no network, no code from a model's folder."""

from __future__ import annotations

from typing import Any

from .errors import ModelMissing


def cross_encoder(model: str, max_length: int | None = None, device: str | None = None) -> Any:  # noqa: ANN401
    """Load a cross-encoder.

    Parameters
    ----------
    model
        Name on the Hugging Face hub, found in the local cache, or a folder.
    max_length
        Tokens of both texts together; the model's own where None.
    device
        ``"cpu"``, ``"cuda"`` ...; the fastest there is where None.

    Raises
    ------
    ModelMissing
        The model is not on this machine.
    """
    from sentence_transformers import CrossEncoder

    from .embedding.torch_runtime import quiet_transformers

    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers():
            return CrossEncoder(model, max_length=max_length, device=device, **options)
    except OSError as error:
        text = f"no cross-encoder {model!r} on this machine; give its folder, or download it first"
        raise ModelMissing(f"{text} with: hf download {model}") from error
