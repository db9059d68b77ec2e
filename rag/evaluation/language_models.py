"""Score texts by a language model: cross-entropy, perplexity, bits per character and per byte.

For a causal model in transformers' form on this machine. The text is read once from its beginning, in windows where it
is longer than the model's context; each token after the first is predicted from the tokens before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..embedding.torch_runtime import need_torch
from ..errors import InvalidInput, ModelMissing


@dataclass(frozen=True, slots=True)
class Prediction:
    """Sums of a model's predictions over texts; those of several texts can be added.

    Attributes
    ----------
    nats
        Sum over predicted tokens of -ln p(token | tokens before it).
    tokens
        Tokens predicted.
    characters, n_bytes
        Sizes of the texts: Unicode code points, and bytes of UTF-8.
    skipped
        Texts in which there is nothing to predict: empty, or a single token with none before it.
    """

    nats: float = 0.0
    tokens: int = 0
    characters: int = 0
    n_bytes: int = 0
    skipped: int = 0

    def __add__(self, other: Prediction) -> Prediction:
        return Prediction(
            self.nats + other.nats,
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.n_bytes + other.n_bytes,
            self.skipped + other.skipped,
        )

    @property
    def cross_entropy(self) -> float | None:
        """Nats a token; None if no token was predicted."""
        return self.nats / self.tokens if self.tokens else None

    @property
    def perplexity(self) -> float | None:
        """The exponential of the cross-entropy: as unsure as among so many equal tokens. Depends on the tokenizer."""
        return math.exp(min(self.nats / self.tokens, 700.0)) if self.tokens else None

    @property
    def bits_per_character(self) -> float | None:
        """Bits a code point; compares models whatever their tokenizers."""
        return self.nats / math.log(2) / self.characters if self.characters else None

    @property
    def bits_per_byte(self) -> float | None:
        """Bits a byte of UTF-8; compares languages and models."""
        return self.nats / math.log(2) / self.n_bytes if self.n_bytes else None

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the figures for JSON."""
        return {
            "cross_entropy": self.cross_entropy,
            "perplexity": self.perplexity,
            "bits_per_character": self.bits_per_character,
            "bits_per_byte": self.bits_per_byte,
            "tokens": self.tokens,
            "skipped": self.skipped,
        }


class Predictor:
    """A causal language model that scores texts.

    Parameters
    ----------
    model, tokenizer
        As transformers has them; `load` reads them from a folder.
    context
        Tokens that the model reads, at most; its own limit if None.
    stride
        New tokens a window brings if a text is longer than the context; half the context if None. Smaller is
        slower and a little lower, as every token has more before it.

    Notes
    -----
    If the tokenizer has a token for the beginning, it precedes the first one, which is then predicted as well.
    Characters and bytes are of the whole text.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers' classes
        tokenizer: Any,  # noqa: ANN401
        *,
        context: int | None = None,
        stride: int | None = None,
    ) -> None:
        limit = int(getattr(model.config, "max_position_embeddings", 0) or 1024)
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.context = min(context or limit, limit)
        self.stride = stride or max(1, self.context // 2)
        if self.context < 2 or not 0 < self.stride <= self.context:
            raise InvalidInput(
                f"a context of {self.context} tokens and a stride of {self.stride} do not work; "
                "the context is 2 or more, the stride from 1 to the context"
            )

    @classmethod
    def load(cls, folder: str | Path, *, context: int | None = None) -> Predictor:
        """Read a model from a local folder; no network, no code from the folder.

        Raises
        ------
        ModelMissing
            The folder does not hold such a model.
        ExtraMissing
            transformers or torch is not installed.
        """
        need_torch("a language model", "transformers")
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not Path(folder).is_dir():
            raise ModelMissing(f"no language model in {folder}; give a folder with config.json, weights and tokenizer")
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise ModelMissing(f"{folder} holds no causal language model that can be read: {error}") from error
        return cls(model, tokenizer, context=context)

    def score(self, texts: str | Iterable[str]) -> Prediction:
        """Return the prediction of a text, or the sum over several."""
        return sum((self._one(text) for text in ([texts] if isinstance(texts, str) else texts)), Prediction())

    def _one(self, text: str) -> Prediction:
        ids = self._ids(text)
        if len(ids) < 2:
            return Prediction(skipped=1)
        return Prediction(self._nats(ids), len(ids) - 1, len(text), len(text.encode(errors="surrogatepass")))

    def _ids(self, text: str) -> list[int]:
        ids = [int(i) for i in self.tokenizer(text, add_special_tokens=False)["input_ids"]]
        start = self.tokenizer.bos_token_id
        return ids if start is None or not ids else [int(start), *ids]

    def _nats(self, ids: list[int]) -> float:
        import torch

        total, done = 0.0, 1  # the first token has nothing before it
        begin = 0
        with torch.inference_mode():
            while done < len(ids):
                end = min(begin + self.context, len(ids))
                window = torch.tensor([ids[begin:end]], device=self.model.device)
                logits = self.model(window).logits[0, :-1].float()
                logp = torch.log_softmax(logits, dim=-1).gather(1, window[0, 1:, None])[:, 0]
                total -= float(logp[done - begin - 1 :].double().sum())
                done = end
                begin = min(begin + self.stride, done - 1, max(0, len(ids) - self.context))
        return total
