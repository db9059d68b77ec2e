"""Chat models on servers that speak OpenAI's protocol: OpenAI, Ollama, vLLM, llama.cpp's server, LM Studio.

Time, retries and size are limited here, not in the client underneath, whose retries have no total deadline.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...background import pieces_from
from ...errors import InvalidInput, LLMBadResponse, LLMError, LLMRefused, LLMTimeout, LLMUnavailable
from ..budget import Budget
from ..chat_model import ChatModel, Request
from ..language_model import Completion, Usage, joined
from .bounded_http import capped, client, submit
from .dialects import DIALECTS, body, unwrap
from .refusals import ROLES, Refused, folded, refused, without
from .retries import is_passing, wait
from .secrets import keep_secret, secrets_of, without_secrets
from .wire import UNFINISHED, Halves, events, read_event, read_reply, safe_start

if TYPE_CHECKING:
    import httpx2
    import openai

log = logging.getLogger(__name__)

OPENAI = "https://api.openai.com/v1"
MAX_BYTES = 4 << 20
_AT_ONCE = 4
_REFUSED: dict[tuple[str, str], set[str]] = {}
"""Options that a server refused for a model, by address and model: asked for no more in this process."""


class OpenAIChat(ChatModel):
    """A chat model behind an OpenAI-compatible server.

    Parameters
    ----------
    model
        Its name on the server.
    base_url
        Address of the server, such as ``http://localhost:11434/v1``; default: ``OPENAI_BASE_URL``, else OpenAI.
        Redirects are not followed: the key goes to this address and to no other.
    api_key
        Default: ``OPENAI_API_KEY``.
    server
        Kind of server, for the options that go beyond the protocol: see `rag.llm.backends.dialects`. Default:
        ``openai`` at OpenAI's address, else ``compatible``.
    attempts
        Maximum requests for one answer. Only failures that may be temporary are retried: no connection, rate limits,
        faults of the server; never a request that the server rejects. An option that it refuses by name (a temperature,
        ``max_tokens`` by that name, the system role) is left out once, with a warning, beside these attempts.
    timeout
        Seconds that a call without a deadline may take; a deadline, also a longer one, is kept in its place.
    max_bytes
        Maximum bytes of a reply; a longer one is cut.
    budget
        As in `ChatModel`.

    Raises
    ------
    ExtraMissing
        ``openai`` is not installed.
    InvalidInput
        The address or kind of server is not valid.
    LLMRefused
        There is no key for OpenAI's own server.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        server: str | None = None,
        attempts: int = 3,
        timeout: float = 120.0,
        max_bytes: int = MAX_BYTES,
        budget: Budget | None = None,
    ) -> None:
        if not model.strip():
            raise InvalidInput("the model's name is empty; write openai:MODEL")
        if attempts < 1 or max_bytes < 1 or not timeout > 0:
            raise InvalidInput("attempts, max_bytes and timeout must be positive")
        url = urlsplit(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise InvalidInput("base_url must begin with http:// or https:// and name a host")
        hosted = url.hostname == urlsplit(OPENAI).hostname
        kind = server or ("openai" if hosted else "compatible")
        if kind not in DIALECTS:
            raise InvalidInput(f"server={kind!r}: write one of {', '.join(DIALECTS)}")
        own = os.environ.get("OPENAI_API_KEY", "")
        key = api_key or own or ("" if hosted else "none")
        if not key:
            raise LLMRefused("OpenAI wants a key: set OPENAI_API_KEY, or give base_url for another server")
        keep_secret(key, own, *secrets_of(url))
        where = url.hostname + (f":{url.port}" if url.port else "")
        super().__init__(f"openai:{model}" + ("" if hosted else f"@{where}"), budget=budget)
        self.revision = hashlib.sha256(f"{url.scheme} {url.path} {kind}".encode()).hexdigest()[:16]
        self.model = model
        self.attempts = attempts
        self.timeout = timeout
        self._max_bytes = max_bytes
        self._kind, self._dialect = kind, DIALECTS[kind]
        self.samples = frozenset({*self._dialect.fields, "max_tokens"})
        self.constrains = frozenset(self._dialect.ways)
        self._where = where
        self._refused = _REFUSED.setdefault((url._replace(query="", fragment="").geturl(), model), set())
        self._client = client(url, key, self._on_response)

    def close(self) -> None:
        """Close the connections."""
        submit(self._client.close()).result()

    def _complete(self, request: Request) -> Completion:
        return self._complete_many([request])[0]

    def _complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        future = self._start(requests)
        try:
            return future.result()
        except CancelledError:
            raise LLMTimeout("the answer was cancelled") from None
        finally:
            future.cancel()  # whatever interrupts the wait ends the work too

    def _start(self, requests: Sequence[Request]) -> Future[list[Completion]]:
        future = submit(self._all(requests))
        for request in requests[:1]:  # one cancellation is for all
            request.cancelled.watch(future.cancel)
        return future

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        def start(put: Callable[[str], object]) -> Future[Completion]:
            future = submit(self._answer(request, _Call(put)))
            request.cancelled.watch(future.cancel)
            return future

        try:
            return (yield from pieces_from(start))
        except CancelledError:
            return Completion(("",), incomplete=True, reason="the stream was closed")

    async def _all(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer requests, a few at a time; the first error cancels the others."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(request: Request) -> Completion:
            async with gate:
                return await self._texts(request)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(request)) for request in requests]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _texts(self, request: Request) -> Completion:
        """Return ``n`` answers, by as many requests if the server gives one at a time."""
        sampling = request.sampling
        if sampling.n == 1 or self._dialect.n:
            return await self._answer(request, _Call())
        answers: list[Completion] = []
        for i in range(sampling.n):
            seed = None if sampling.seed is None else (sampling.seed + i) % 2**63
            single = dataclasses.replace(sampling, n=1, seed=seed)
            answers.append(await self._answer(dataclasses.replace(request, sampling=single), _Call()))
        return joined(answers)

    async def _answer(self, request: Request, call: _Call) -> Completion:
        """Retry until there is an answer, the attempts are used up, or the deadline passes."""
        deadline = request.deadline
        limit, seconds = (
            (self.timeout, self.timeout) if deadline.remaining is None else (deadline.seconds, deadline.left)
        )
        call.until = time.monotonic() + seconds
        start = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                texts, reason = await self._attempts(request, call)
        except TimeoutError:
            if not call.pieces:
                late = LLMTimeout(f"{self._where} gave no answer in {limit:.3g} s")
                late.attempts = call.attempts
                raise late from None
            texts, reason = ("".join(call.pieces),), f"the deadline of {limit:.3g} s passed in the middle of the answer"
        except LLMError as error:
            error.attempts = call.attempts
            raise
        finally:
            usage = dataclasses.replace(
                self._tokens(request, call), calls=call.attempts, seconds=time.perf_counter() - start
            )
            self.budget.spend(usage)
        texts = tuple(unwrap(self._dialect, request.constraint, text) for text in texts)
        return Completion(texts, usage, incomplete=bool(reason), reason=reason)

    def _tokens(self, request: Request, call: _Call) -> Usage:
        """Return the tokens as the server counts them, or an estimate, so that a budget always holds."""
        if call.usage.completion_tokens or not call.pieces:
            return call.usage
        asked = sum(self.count_tokens(message.content) for message in request.messages)
        return Usage(call.usage.prompt_tokens or asked, self.count_tokens("".join(call.pieces)))

    async def _attempts(self, request: Request, call: _Call) -> tuple[tuple[str, ...], str]:
        while True:
            self.budget.call()
            call.attempts += 1
            try:
                return await self._attempt(request, call)
            except Refused as refusal:
                call.refused.add(refusal.option)
                log.warning("%s: %s; asked again without it", self.name, refusal)
                continue
            except _Passing as failure:
                made = call.attempts - len(call.refused)
                tried = f"{call.attempts} attempt{'s' * (call.attempts > 1)}"
                if made >= self.attempts:
                    raise LLMUnavailable(f"{failure}; {tried} made") from None
                pause, left = wait(made, failure.headers), call.until - time.monotonic()
                if pause > left:
                    after = (
                        f"the next attempt may come in {pause:.0f} s, but only {left:.0f} s of the deadline are left"
                    )
                    raise LLMUnavailable(f"{failure}; {after}") from None
                log.info("%s: attempt %d of %d failed (%s); again in %.1f s", self.name, call.attempts, self.attempts,
                         failure, pause)  # fmt: skip
            await asyncio.sleep(pause)

    async def _attempt(self, request: Request, call: _Call) -> tuple[tuple[str, ...], str]:
        """Make one request; return the texts, and why they are incomplete."""
        import httpx2
        import openai

        unwanted = self._refused | call.refused
        said = folded(request.messages) if ROLES in unwanted else request.messages
        messages = [{"role": message.role, "content": message.content} for message in said]
        extra = body(self._dialect, request.sampling, request.constraint)
        if call.sink is not None:
            extra |= {"stream": True, "stream_options": {"include_usage": True}}
        extra = without(extra, unwanted)
        post = self._client.chat.completions.with_streaming_response.create
        try:
            # Options outside OpenAI's own protocol are fields of the body too.
            async with post(model=self.model, messages=messages, extra_body=extra) as reply:
                self._refused.update(call.refused)
                if call.sink is not None and "json" not in reply.http_response.headers.get("content-type", ""):
                    return await self._read_stream(reply.http_response, call)
                return await self._read_whole(reply.http_response, request, call)
        except openai.APIStatusError as error:
            option = refused(error.status_code, error.response.content, extra, said)
            if option is not None and option not in unwanted:
                raise Refused(option, error.response.content) from None
            raise self._status_error(error) from None
        except (openai.APIConnectionError, httpx2.RequestError) as error:
            reason = _root(error)
            if isinstance(error, openai.APITimeoutError):
                raise LLMUnavailable(f"no connection to {self._where}: it accepts none") from None
            if "CERTIFICATE" in reason or "SSL" in reason:
                raise LLMUnavailable(f"no secure connection to {self._where}: {reason}") from None
            raise _Passing(f"no connection to {self._where}: {reason}") from None

    async def _read_whole(
        self, response: httpx2.Response, request: Request, call: _Call
    ) -> tuple[tuple[str, ...], str]:
        texts, ends, call.usage = read_reply(await response.aread())
        expected = request.sampling.n if self._dialect.n else 1
        if len(texts) != expected:
            raise LLMBadResponse(
                f"asked {self._where} for n={expected} answers, got {len(texts)}; "
                "server='compatible' asks for one at a time"
            )
        if call.sink is not None:
            call.add(texts[0])
        return texts, next((UNFINISHED[end] for end in ends if end in UNFINISHED), "")

    async def _read_stream(self, response: httpx2.Response, call: _Call) -> tuple[tuple[str, ...], str]:
        import httpx2

        start, halves = bytearray(), Halves()
        said = finish = ""
        reason = "the stream ended without saying that the answer is complete"
        try:
            async for data in events(_remembering(response.aiter_raw(), start)):
                if data.strip() == "[DONE]":
                    reason = ""
                    break
                part = read_event(data)
                call.usage = part.usage or call.usage
                finish = part.finish or finish
                if part.text is not None:
                    said = "yes"
                    call.add(halves.feed(part.text))
        except (httpx2.RequestError, LLMBadResponse) as error:
            if not call.pieces:
                raise
            reason = without_secrets(f"the stream broke off: {error}")
        call.add(halves.rest())
        if finish:
            reason = UNFINISHED.get(finish, "")
        if not said and finish not in UNFINISHED:
            raise LLMBadResponse(f"the reply of {self._where} holds no text: {safe_start(bytes(start))}")
        return ("".join(call.pieces),), reason

    async def _on_response(self, response: httpx2.Response) -> None:
        """Limit a reply before its body is read."""
        coding = response.headers.get("content-encoding", "identity").lower()
        if coding != "identity":
            raise LLMBadResponse(f"{self._where} compresses its reply ({coding}), though asked not to")
        limit = int(min(self._max_bytes, max(1.0, self.budget.left("bytes"))))
        response.stream = capped(response, limit, self.budget, self._where)

    def _status_error(self, error: openai.APIStatusError) -> Exception:
        status, headers = error.status_code, error.response.headers
        said = f"{self._where} answered {status} {error.response.reason_phrase}".rstrip()
        text = f"{said}: {safe_start(error.response.content)}"
        if is_passing(status):
            return _Passing(text, dict(headers))
        if 300 <= status < 400:
            target = without_secrets(headers.get("location", "nowhere"))[:200]
            return LLMRefused(f"{said} and points to {target!r}; if you trust that place, give it as base_url")
        return LLMRefused(f"{text}. {_ADVICE.get(status, 'Asking again is useless; change the request.')}")

    def __repr__(self) -> str:
        return f"OpenAIChat({self.model!r}, server={self._kind!r}, at={self._where!r})"


_ADVICE = {
    401: "Give the right key as OPENAI_API_KEY.",
    403: "The key may not do this; give another as OPENAI_API_KEY.",
    404: "Check the model's name and the base_url, which usually ends in /v1.",
}


class _Passing(Exception):  # noqa: N818
    """A failure that may be temporary."""

    def __init__(self, said: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(said)
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}


@dataclasses.dataclass
class _Call:
    """The state of a call while it runs; ``sink`` takes the pieces of a stream, None if the answer comes at once."""

    sink: Callable[[str], object] | None = None
    attempts: int = 0
    until: float = 0.0
    usage: Usage = dataclasses.field(default_factory=Usage)
    pieces: list[str] = dataclasses.field(default_factory=list)
    refused: set[str] = dataclasses.field(default_factory=set)

    def add(self, text: str) -> None:
        if text and self.sink is not None:
            self.pieces.append(text)
            self.sink(text)


async def _remembering(chunks: AsyncIterator[bytes], start: bytearray) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if len(start) < 4000:
            start.extend(chunk[:4000])
        yield chunk


def _root(error: BaseException) -> str:
    """Return the text of the first error of a chain."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return without_secrets(f"{str(error) or type(error).__name__}")[:300]
