"""Chat models in GGUF files, by llama.cpp in this process.

llama.cpp keeps the keys and values of the last prompt, so a beginning that the next one shares is not computed again.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ...background import drained, pumped
from ...deadlines import Deadline
from ...errors import ExtraMissing, InvalidInput, LLMTimeout, LLMUnavailable, ModelDamaged, ModelMissing
from ..budget import Budget
from ..chat_model import Request
from ..language_model import Completion, Usage, joined
from .decoding import Detokenizer, Stops
from .grammar import HURRIED, Matcher
from .local_chat import LocalChat, revision_of

_CONTEXT = 8192
_CHUNK = 512
"""Tokens of a prompt computed between two checks of the deadline."""
_MAX_SEED = 2**32 - 1  # llama.cpp's, which takes this very value for "any"


class LlamaCppChat(LocalChat):
    """A model in a GGUF file. Safe to share between threads, which take turns.

    Parameters
    ----------
    file
        Path of the GGUF file.
    context
        Maximum tokens of a prompt with its answer, up to what the model was trained for; memory grows with it.
    device
        ``auto``: a GPU if llama.cpp was built for one; ``cpu``.
    threads
        Default: half of the processors, as llama.cpp chooses.
    budget
        As in `ChatModel`.

    Raises
    ------
    ExtraMissing
        ``llama-cpp-python`` is not installed.
    ModelMissing
        The file does not exist.
    ModelDamaged
        The file is not a GGUF file that llama.cpp can read.
    """

    def __init__(
        self,
        file: str,
        *,
        context: int = _CONTEXT,
        device: str = "auto",
        threads: int | None = None,
        budget: Budget | None = None,
    ) -> None:
        if device not in {"auto", "cpu"} or context < 1:
            raise InvalidInput(f"llamacpp: device={device!r}, context={context!r}: give auto or cpu, and at least 1")
        super().__init__(f"llamacpp:{file}", budget=budget)
        self._llama = _load(Path(file).expanduser(), context, device, threads)
        self.revision = revision_of([Path(file).expanduser()])
        self.context = self._size = self._llama.n_ctx()
        self._vocab = self._llama._model.vocab

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text by the model's own tokenizer, control tokens read as plain text."""
        return len(self._llama.tokenize(text.encode(), add_bos=False, special=False))

    def close(self) -> None:
        """Free the model's memory; the model cannot be used afterwards."""
        with self._lock:
            self._llama.close()

    def _complete(self, request: Request) -> Completion:
        self.budget.call()
        answers = [drained(self._written(request, sample)) for sample in range(request.sampling.n)]
        whole = joined(answers)
        usage = replace(whole.usage, prompt_tokens=answers[0].usage.prompt_tokens, calls=1)
        return replace(whole, usage=usage)

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        self.budget.call()
        return pumped(self._written(request, 0), request.cancelled)

    def _written(self, request: Request, sample: int) -> Generator[str, None, Completion]:
        """Write one answer; no other one can use the model in the meantime."""
        deadline = request.deadline
        ids, stop = self.prompt(request)
        if not self._lock.acquire(timeout=min(deadline.left, threading.TIMEOUT_MAX)):
            raise LLMTimeout(f"{self.name} was busy until {deadline} passed")
        start, written, said, reason = time.perf_counter(), 0, "", ""
        words, stops = Detokenizer(self._decode), Stops(stop)
        try:
            most = min(request.sampling.max_tokens, self._size - len(ids))
            matcher = self._grammar(request.constraint).matcher(most) if request.constraint is not None else None
            for token in self._tokens(ids, request, sample, matcher):
                if token is None:
                    reason = f"{deadline} passed in the middle of the answer"
                    break
                written += 1
                if shown := stops.feed(words.feed(token)):
                    said += shown
                    yield shown
                if stops.met or (matcher is not None and matcher.stopped):
                    reason = HURRIED if matcher is not None and matcher.hurried else ""
                    break
                if written >= most:
                    reason = "the answer reached max_tokens"
                    break
            if shown := stops.feed(words.rest()) + stops.rest():
                said += shown
                yield shown
        finally:
            self._lock.release()
            usage = Usage(len(ids), written, calls=1, seconds=time.perf_counter() - start)
            self.budget.spend(usage, n_bytes=len(said.encode()))
        if deadline.passed and not written:
            raise LLMTimeout(f"{self.name} wrote nothing before {deadline}")
        return Completion((said,), usage, incomplete=bool(reason), reason=reason)

    def _tokens(self, ids: list[int], request: Request, sample: int, matcher: Matcher | None) -> Iterator[int | None]:
        """Yield the tokens of an answer, without the one that ends it; None when the deadline has passed."""
        from llama_cpp import LogitsProcessorList

        sampling = request.sampling
        self._llama.set_seed(_MAX_SEED if sampling.seed is None else (sampling.seed + sample) % _MAX_SEED)
        if not self._read(ids, request.deadline):
            yield None
            return
        options: dict[str, Any] = {
            "temp": 1.0 if sampling.temperature is None else sampling.temperature,
            "top_k": sampling.top_k or 0,
            "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
            "min_p": sampling.min_p or 0.0,
            "repeat_penalty": sampling.repetition_penalty or 1.0,
        }
        if matcher is not None:
            options["logits_processor"] = LogitsProcessorList([_allowing(matcher)])
        try:
            for token in self._llama.generate(ids, **options):
                if token in self._ends:
                    return
                if request.deadline.passed or request.cancelled.called:
                    yield None
                    return
                if matcher is not None:
                    matcher.feed(token)
                yield token
        except RuntimeError as error:  # llama.cpp's own failures
            raise LLMUnavailable(f"{self.name} failed: {error}") from error

    def _read(self, ids: list[int], deadline: Deadline) -> bool:
        """Compute a long prompt in parts, which llama.cpp keeps; return False if the deadline passed."""
        for end in range(_CHUNK, len(ids), _CHUNK):
            if deadline.passed:
                return False
            if end > self._llama.n_tokens:
                next(self._llama.generate(ids[:end], temp=0.0))
        return not deadline.passed

    def _encode(self, text: str, *, begins: bool) -> list[int]:
        ids: list[int] = self._llama.tokenize(text.encode(), add_bos=begins, special=True)
        return ids

    @cached_property
    def _guided_tokenizer(self) -> Any:  # noqa: ANN401 - untyped library
        import llguidance.llamacpp

        with warnings.catch_warnings():  # it calls functions of llama.cpp by their old names
            warnings.simplefilter("ignore", DeprecationWarning)
            return llguidance.llamacpp.lltokenizer_from_vocab(self._vocab, eos_token=sorted(self._ends) or None)

    @cached_property
    def _template(self) -> Any:  # noqa: ANN401 - a function, or None
        source = self._llama.metadata.get("tokenizer.chat_template")
        if source is None:
            return None
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        begin, end = (self._piece(token) for token in (self._llama.token_bos(), self._llama.token_eos()))
        formatter = Jinja2ChatFormatter(template=source, bos_token=begin, eos_token=end)  # sandboxed
        return lambda turns: formatter(messages=turns).prompt

    @cached_property
    def _ends(self) -> frozenset[int]:
        import llama_cpp

        n = self._llama.n_vocab()
        return frozenset(token for token in range(n) if llama_cpp.llama_vocab_is_eog(self._vocab, token))

    @cached_property
    def _control_tokens(self) -> list[str]:
        import llama_cpp

        kinds = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        n, attribute = self._llama.n_vocab(), llama_cpp.llama_vocab_get_attr
        return [self._piece(token) for token in range(n) if attribute(self._vocab, token) & kinds]

    def _piece(self, token: int) -> str:
        import llama_cpp

        return str(llama_cpp.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")) if token >= 0 else ""

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._llama.detokenize(list(ids)).decode("utf-8", "replace"))


def _allowing(matcher: Matcher) -> Any:  # noqa: ANN401 - llama-cpp-python's protocol
    def process(_: Any, scores: Any) -> Any:  # noqa: ANN401
        scores[~matcher.allowed(len(scores))] = float("-inf")
        return scores

    return process


def _load(file: Path, context: int, device: str, threads: int | None) -> Any:  # noqa: ANN401 - untyped library
    try:
        import llama_cpp
    except ImportError as error:
        raise ExtraMissing("GGUF files need llama-cpp-python: pip install 'rag-workbench[llamacpp]'") from error
    if not file.is_file():
        raise ModelMissing(f"{file}: no such file; give the path of a GGUF file")
    layers = -1 if device == "auto" and llama_cpp.llama_supports_gpu_offload() else 0
    try:
        trained = _trained_context(llama_cpp, file)
        return llama_cpp.Llama(
            str(file),
            n_ctx=min(context, trained or context),
            n_gpu_layers=layers,
            n_threads=threads,
            n_threads_batch=threads,
            n_batch=_CHUNK,
            verbose=False,
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelDamaged(f"{file}: not a GGUF file that llama.cpp reads ({error}); fetch it again") from error


def _trained_context(llama_cpp: Any, file: Path) -> int | None:  # noqa: ANN401 - untyped library
    """Return the context that a model was trained for, read without its weights; more would only take memory."""
    probe = llama_cpp.Llama(str(file), vocab_only=True, verbose=False)
    try:
        found = probe.metadata.get(f"{probe.metadata.get('general.architecture')}.context_length", "")
        return int(found) if found.isdecimal() else None
    finally:
        probe.close()
