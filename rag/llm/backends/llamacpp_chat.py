"""Chat models in GGUF files, by llama.cpp in this process.

xllamacpp carries llama.cpp and its server in a wheel. The server listens on this machine alone, under a key that only
this object has; it keeps the keys and values of the last prompt, so a beginning that the next one shares is not
computed again.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...background import drained, pumped
from ...deadlines import Deadline
from ...errors import ExtraMissing, InvalidInput, LLMTimeout, LLMUnavailable, ModelDamaged, ModelMissing
from ..budget import Budget
from ..chat_model import Request
from ..language_model import Completion, Message, Usage, joined
from .chat_template import without_control_tokens
from .local_chat import LocalChat, revision_of

_CONTEXT = 8192
_CHUNK = 512
"""Tokens of a prompt computed between two looks at the connection, which a passed deadline closes."""
_MAX_SEED = 2**32 - 1  # llama.cpp's, which takes this very value for "any"
_MARKUP = re.compile(r"<[^<>\s]+>|\[[A-Z_/]+\]")
"""How user-defined tokens look that may part turns; llama.cpp reads them in plain text as well."""
_CHATML = "<|im_start|>"
"""llama.cpp renders files without a template by ChatML; a vocabulary without this token was never trained on it."""


class LlamaCppChat(LocalChat):
    """A model in a GGUF file. Safe to share between threads, which take turns.

    Parameters
    ----------
    file
        Path of the GGUF file.
    context
        Maximum tokens of a prompt with its answer, up to what the model was trained for; memory grows with it.
    device
        ``auto``: a GPU if the installed wheel was built for one; ``cpu``.
    threads
        Default: as llama.cpp chooses.
    budget
        As in `ChatModel`.

    Raises
    ------
    ExtraMissing
        ``xllamacpp`` is not installed.
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
        path = Path(file).expanduser()
        self._key = secrets.token_hex(32)
        self._server = _started(path, context, device, threads, self._key)
        self._address = urlsplit(self._server.listening_address).netloc
        self.revision = revision_of([path])
        self._facts = self._ask("GET", "/props")
        trained = self._ask("GET", "/v1/models")["data"][0]["meta"]["n_ctx_train"]
        self.context: int = min(context, trained or context)

    def close(self) -> None:
        """Free the model's memory; the model cannot be used afterwards."""
        self._server = None

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
        """Write one answer; llama.cpp takes one at a time, and the others wait."""
        ids, stop = self.prompt(request)
        start, written, said, reason = (
            time.perf_counter(),
            0,
            "",
            f"{request.deadline} passed in the middle of the answer",
        )
        try:
            with suppress(TimeoutError):
                for event in self._events(self._body(request, sample, ids, stop), request):
                    written = max(written, event["tokens_predicted"])
                    if shown := event["content"]:
                        said += shown
                        yield shown
                    if event["stop"]:
                        reason = "the answer reached max_tokens" if event["stop_type"] == "limit" else ""
        finally:
            usage = Usage(len(ids), written, calls=1, seconds=time.perf_counter() - start)
            self.budget.spend(usage, n_bytes=len(said.encode()))
        if request.deadline.passed and not written:
            raise LLMTimeout(f"{self.name} wrote nothing before {request.deadline}")
        return Completion((said,), usage, incomplete=bool(reason), reason=reason)

    def _body(self, request: Request, sample: int, ids: list[int], stop: Sequence[str]) -> dict[str, Any]:
        sampling = request.sampling
        body = {
            "prompt": ids,
            "n_predict": min(sampling.max_tokens, self.context - len(ids)),
            "stream": True,
            "return_progress": True,  # it looks at the connection between two parts of a prompt
            "stop": list(stop),
            "seed": _MAX_SEED if sampling.seed is None else (sampling.seed + sample) % _MAX_SEED,
            "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
            "top_k": sampling.top_k or 0,
            "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
            "min_p": sampling.min_p or 0.0,
            "repeat_penalty": sampling.repetition_penalty or 1.0,
        }
        if request.constraint is not None:
            body["grammar"] = "%llguidance {}\n" + self._grammar(request.constraint).lark
        return body

    def _events(self, body: dict[str, Any], request: Request) -> Iterator[dict[str, Any]]:
        """Yield what llama.cpp says while it writes; a closed connection stops it.

        Raises
        ------
        TimeoutError
            The deadline passed, or the request was cancelled.
        """
        with closing(self._connection(request.deadline)) as connection, self._failures():
            response = self._answered(connection, "POST", "/completion", body)
            while line := self._line(response, connection, request):
                name, _, data = line.partition(b":")
                if name == b"error":
                    raise LLMUnavailable(f"{self.name} failed: {data.decode('utf-8', 'replace').strip()[:500]}")
                if name == b"data" and data.strip() != b"[DONE]":
                    yield json.loads(data)

    @staticmethod
    def _line(response: http.client.HTTPResponse, connection: http.client.HTTPConnection, request: Request) -> bytes:
        if request.deadline.passed or request.cancelled.called:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(request.deadline.remaining)
        return response.readline()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        with closing(self._connection(Deadline.after(None))) as connection, self._failures():
            return json.loads(self._answered(connection, method, path, body).read())

    def _connection(self, deadline: Deadline) -> http.client.HTTPConnection:
        if self._server is None:
            raise LLMUnavailable(f"{self.name} was closed; open it again")
        return http.client.HTTPConnection(self._address, timeout=deadline.remaining)

    def _answered(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: dict[str, Any] | None
    ) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Authorization": f"Bearer {self._key}"})
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            said = response.read().decode("utf-8", "replace")
            raise ValueError(f"{self.name} refused a request: {said[:500]}")
        return response

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise LLMUnavailable(f"{self.name} failed: {error}") from error

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text by the model's own tokenizer, control tokens read as plain text."""
        return len(self._tokens(text, special=False))

    def _tokens(self, text: str, *, special: bool) -> list[dict[str, Any]]:
        body = {"content": text, "parse_special": special, "with_pieces": True}
        tokens: list[dict[str, Any]] = self._ask("POST", "/tokenize", body)["tokens"]
        return tokens

    def _encode(self, text: str, *, begins: bool) -> list[int]:  # noqa: ARG002 - llama.cpp knows by the file
        # Where a vocabulary has a token that begins a text, llama.cpp's renderer has taken off the template's own.
        body = {"content": text, "add_special": True, "parse_special": True}
        ids: list[int] = self._ask("POST", "/tokenize", body)["tokens"]
        return ids

    def _without_control_tokens(self, messages: Sequence[Message]) -> list[Message]:
        plain = list(messages)
        while found := {token for message in plain for token in self._control_tokens_in(message.content)}:
            broken = without_control_tokens(plain, sorted(found))
            if broken == plain:  # a token that no text spells as it is shown
                break
            plain = broken
        return plain

    def _control_tokens_in(self, text: str) -> set[str]:
        plain = {token["id"] for token in self._tokens(text, special=False)}
        seen = {token["piece"]: token["id"] for token in self._tokens(text, special=True) if _is_mark(token["piece"])}
        return {
            piece
            for piece, i in seen.items()
            # A word beside a control token may be cut otherwise, too; alone, in plain text, it is still that token.
            if _MARKUP.fullmatch(piece)
            or (i not in plain and [token["id"] for token in self._tokens(piece, special=False)] != [i])
        }

    @cached_property
    def _guided_tokenizer(self) -> Any:  # noqa: ANN401 - untyped library
        import llguidance

        return llguidance.LLTokenizer("byte")  # checks a constraint; llama.cpp has its own for the vocabulary

    @cached_property
    def _template(self) -> Callable[[list[dict[str, str]]], str] | None:
        source = self._facts["chat_template"]
        if not source or (_CHATML in source and len(self._tokens(_CHATML, special=True)) > 1):
            return None
        return lambda turns: str(self._ask("POST", "/apply-template", {"messages": turns})["prompt"])


def _is_mark(piece: object) -> bool:
    """Say whether a token's text may be a mark of a template: bytes, letters and white space are none."""
    return isinstance(piece, str) and len(piece) > 1 and not piece.replace(" ", "").isalnum()


def _started(file: Path, context: int, device: str, threads: int | None, key: str) -> Any:  # noqa: ANN401 - untyped library
    try:
        import xllamacpp
    except ImportError as error:
        raise ExtraMissing("GGUF files need xllamacpp: pip install 'rag-workbench[llamacpp]'") from error
    if not file.is_file():
        raise ModelMissing(f"{file}: no such file; give the path of a GGUF file")
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_parallel = context, _CHUNK, _CHUNK, 1
    params.hostnames, params.port, params.api_keys, params.ui = ["127.0.0.1"], 0, [key], False
    params.verbosity, params.warmup, params.fit_params = -1, False, False
    params.cache_ram_mib = 0  # the last prompt is kept; others would take memory beside it
    if device == "cpu":
        params.n_gpu_layers = 0
    if threads is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelDamaged(f"{file}: not a GGUF file that llama.cpp reads ({error}); fetch it again") from error
