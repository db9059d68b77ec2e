"""Causal models of Hugging Face transformers, in this process: batches, streams, shared beginnings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ...background import in_background, pieces_from
from ...errors import InvalidInput, LLMTimeout, LLMUnavailable, LLMUnsupported
from ..budget import Budget
from ..chat_model import Request
from ..language_model import Completion, Message, Usage
from .chat_template import without_control_tokens
from .decoding import Detokenizer, Stops
from .grammar import HURRIED, Matcher
from .local_chat import LocalChat, revision_of
from .logits import processors
from .prefix_cache import PrefixCache
from .transformers_loading import end_tokens, load

_TOO_LONG = "the answer reached max_tokens"


@dataclass
class _Row:
    """One answer of a batch."""

    request: int
    sample: int
    prompt: list[int]
    tokens: list[int] = field(default_factory=list)
    ended: bool = False
    cut: bool = False
    hurried: bool = False
    seconds: float = 0.0


class TransformersChat(LocalChat):
    """A causal model by name or folder.

    Weights are read from safetensors only, and no code of the model's own is run. What is not on this machine is
    fetched as far as the user's Hugging Face settings allow (``HF_HUB_OFFLINE``). Safe to share between threads, which
    take turns.

    Parameters
    ----------
    model
        Its name on the hub, or a folder.
    device
        ``auto``: a GPU if there is one; else torch's name of a device.
    dtype
        ``auto``: the type of the stored weights; else torch's name of a type.
    batch_size
        Answers that `complete_many` writes at once.
    budget
        As in `ChatModel`.

    Raises
    ------
    ModelMissing
        The model is not on this machine, or has no weights in safetensors.
    ModelDamaged
        Its files cannot be read.
    LLMUnsupported
        It needs to run code of its own, or does not generate text.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 16,
        budget: Budget | None = None,
    ) -> None:
        if batch_size < 1:
            raise InvalidInput(f"batch_size={batch_size}: give at least 1")
        super().__init__(f"transformers:{model}", budget=budget)
        self.batch_size = batch_size
        self._tokenizer, self._model = load(model, device, dtype)
        folder = Path(model).expanduser()
        local = sorted(folder.glob("*.safetensors*")) + sorted(folder.glob("*.json"))
        self.revision = f"{getattr(self._model.config, '_commit_hash', None)} {revision_of(local)} {dtype}"
        self._ends = end_tokens(self._model, self._tokenizer)
        config = self._model.config.get_text_config(decoder=True)
        self.context = getattr(config, "max_position_embeddings", None)
        self._vocabulary = self._model.get_output_embeddings().weight.shape[0]
        self._prefixes = PrefixCache(self._model)

    def _complete(self, request: Request) -> Completion:
        return self._complete_many([request])[0]

    def _complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        if not requests:
            return []
        for _ in requests:
            self.budget.call()
        rows, stop = self._rows(requests)
        # Prompts of similar length share a batch, which takes less padding.
        order = sorted(rows, key=lambda row: len(row.prompt))
        for start in range(0, len(order), self.batch_size):
            self._batch(order[start : start + self.batch_size], requests[0], stop)
        own: list[list[_Row]] = [[] for _ in requests]
        for row in rows:
            own[row.request].append(row)
        return [self._completion(mine, request, stop) for mine, request in zip(own, requests, strict=True)]

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        self.budget.call()
        rows, stop = self._rows([request])

        def start(put: Callable[[int], object]) -> Future[None]:
            return in_background(lambda: self._batch(rows, request, stop, put))

        tokens = pieces_from(start, request.cancelled)
        with closing(tokens):
            yield from _texts(tokens, Detokenizer(self._decode), Stops(stop))
        return self._completion(rows, request, stop)

    def _rows(self, requests: Sequence[Request]) -> tuple[list[_Row], tuple[str, ...]]:
        rows, stop = [], requests[0].sampling.stop
        for i, request in enumerate(requests):
            ids, stop = self.prompt(request)
            rows += [_Row(i, sample, ids) for sample in range(request.sampling.n)]
        return rows, stop

    def _batch(
        self, rows: list[_Row], request: Request, stop: tuple[str, ...], on_token: Callable[[int], object] | None = None
    ) -> None:
        """Write the answers of some rows; when the deadline passes, they stay incomplete."""
        import torch

        if not self._lock.acquire(timeout=min(request.deadline.left, threading.TIMEOUT_MAX)):
            return
        try:
            start = time.perf_counter()
            self._generate(rows, request, stop, on_token)
            for row in rows:
                row.seconds = (time.perf_counter() - start) / len(rows)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise LLMUnavailable(f"{self.name}: out of memory; take a smaller batch_size than {len(rows)}") from error
        finally:
            self._lock.release()

    def _generate(
        self, rows: list[_Row], request: Request, stop: tuple[str, ...], on_token: Callable[[int], object] | None
    ) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        def late() -> bool:
            return request.deadline.passed or request.cancelled.called

        prompts = [row.prompt for row in rows]
        cache = self._prefixes.take(prompts, late)
        if late():
            return
        ids, mask = self._padded(prompts, cache.get_seq_length() if cache is not None else 0)
        most = request.sampling.max_tokens
        if self.context is not None:
            most = min(most, self.context - max(map(len, prompts)))
        matchers: list[Matcher] = []
        if request.constraint is not None:
            grammar = self._grammar(request.constraint)
            matchers = [grammar.matcher(most) for _ in rows]
        drawing = processors(request.sampling, [row.sample for row in rows], mask, matchers)
        ending = _Ending(self._decode, stop, ids.shape[1], matchers, late)
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=self._ends or None,
                pad_token_id=self._pad,
                logits_processor=LogitsProcessorList(drawing),
                stopping_criteria=StoppingCriteriaList([ending]),
                streamer=_Streamer(on_token) if on_token is not None else None,
            )
        for i, (row, written) in enumerate(zip(rows, out[:, ids.shape[1] :].tolist(), strict=True)):
            end = next((at for at, token in enumerate(written) if token in self._ends), None)
            row.ended = end is not None or (bool(matchers) and matchers[i].stopped)
            row.tokens = written if end is None else written[:end]
            row.cut = len(written) == most
            row.hurried = bool(matchers) and matchers[i].hurried
        if len(rows) == 1:
            self._prefixes.keep([*rows[0].prompt, *out[0, ids.shape[1] :].tolist()], cache)

    def _padded(self, prompts: Sequence[list[int]], shared: int) -> tuple[Any, Any]:
        """Return ids and mask of shape (rows, longest); padding is between the shared beginning and the rest."""
        import torch

        longest = max(map(len, prompts))
        gaps = [longest - len(prompt) for prompt in prompts]
        ids = [[*p[:shared], *[self._pad] * gap, *p[shared:]] for p, gap in zip(prompts, gaps, strict=True)]
        mask = [[1] * shared + [0] * gap + [1] * (longest - shared - gap) for gap in gaps]
        return (torch.tensor(each, device=self._model.device) for each in (ids, mask))  # type: ignore[return-value]

    def _completion(self, rows: Sequence[_Row], request: Request, stop: tuple[str, ...]) -> Completion:
        texts, reason = [], ""
        for row in rows:
            text = self._decode(row.tokens)
            cut = min((at for each in stop if (at := text.find(each)) >= 0), default=len(text))
            finished = row.ended or cut < len(text)
            if not finished:
                reason = _TOO_LONG if row.cut else f"{request.deadline} passed in the middle of the answer"
            elif row.hurried:
                reason = HURRIED
            texts.append(text[:cut])
        written = sum(len(row.tokens) for row in rows)
        usage = Usage(len(rows[0].prompt), written, calls=1, seconds=sum(row.seconds for row in rows))
        self.budget.spend(usage, n_bytes=sum(len(text.encode()) for text in texts))
        if request.deadline.passed and not written:
            raise LLMTimeout(f"{self.name} wrote nothing before {request.deadline}")
        return Completion(tuple(texts), usage, incomplete=bool(reason), reason=reason)

    def _encode(self, text: str, *, begins: bool) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=begins)
        return ids

    @cached_property
    def _guided_tokenizer(self) -> Any:  # noqa: ANN401 - untyped library
        import llguidance.hf

        try:
            return llguidance.hf.from_tokenizer(self._tokenizer, n_vocab=self._vocabulary, eos_token=self._ends or None)
        except ValueError as error:
            raise LLMUnsupported(f"{self.name} cannot be constrained: {error}") from error

    def _without_control_tokens(self, messages: Sequence[Message]) -> list[Message]:
        return without_control_tokens(messages, self._control_tokens)

    @cached_property
    def _control_tokens(self) -> list[str]:
        added = self._tokenizer.added_tokens_decoder.values()
        return [*self._tokenizer.all_special_tokens, *(str(token) for token in added if token.special)]

    @property
    def _pad(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad if pad is not None else next(iter(self._ends), 0))

    @cached_property
    def _template(self) -> Callable[[list[dict[str, str]]], str] | None:
        if not self._tokenizer.chat_template:
            return None
        return partial(self._tokenizer.apply_chat_template, tokenize=False, add_generation_prompt=True)

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


class _Ending:
    """Ends a row at a stop text or where a constraint allows nothing more, and all rows after the deadline."""

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        stop: Sequence[str],
        start: int,
        matchers: Sequence[Matcher],
        late: Callable[[], bool],
    ) -> None:
        self._decode, self._stop, self._start, self._matchers, self._late = decode, stop, start, matchers, late
        # A token has at least a byte, so the text of that many tokens holds the longest stop with room to spare.
        self._window = max((len(text.encode()) for text in stop), default=0) + 8

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ANN401, ARG002 - transformers' protocol
        import torch

        if self._late():
            return torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        met = [False] * len(ids)
        if self._stop:
            tails = ids[:, max(self._start, ids.shape[1] - self._window) :].tolist()
            met = [any(stop in text for stop in self._stop) for text in map(self._decode, tails)]
        for i, matcher in enumerate(self._matchers):
            matcher.feed(int(ids[i, -1]))
            met[i] = met[i] or matcher.stopped
        return torch.tensor(met, device=ids.device)


class _Streamer:
    """Passes on each new token; the first call brings the prompt."""

    def __init__(self, on_token: Callable[[int], object]) -> None:
        self._on_token, self._begun = on_token, False

    def put(self, ids: Any) -> None:  # noqa: ANN401 - transformers' protocol
        if self._begun:
            self._on_token(int(ids.reshape(-1)[0]))
        self._begun = True

    def end(self) -> None:
        """Do nothing: the writing thread says when it is done."""


def _texts(tokens: Iterator[int], words: Detokenizer, stops: Stops) -> Iterator[str]:
    for token in tokens:
        if shown := stops.feed(words.feed(token)):
            yield shown
    if shown := stops.feed(words.rest()) + stops.rest():
        yield shown
