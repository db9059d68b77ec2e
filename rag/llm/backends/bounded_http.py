"""HTTP for model servers: a client with limits on replies, and the event loop that it runs in.

The loop runs in a background thread, so that blocking and async callers share connections and time limits. Each
blocking read has a limit of its own; a task of an event loop can be cancelled wherever it waits, so one deadline covers
look-up, connection, headers and a reply that drips.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, urlunsplit

from ...errors import ExtraMissing, LLMBadResponse
from ..budget import Budget

if TYPE_CHECKING:
    import httpx2
    import openai

T = TypeVar("T")
MAX_ERROR_BYTES = 64 << 10
CONNECT_SECONDS = 4.0
"""A server that does not accept a connection in this time is not asked again: TCP itself has tried three times."""
_starting = threading.Lock()


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine in the background loop; cancelling the future cancels it there."""
    with _starting:
        loop = _loop(os.getpid())  # threads do not live through a fork
    return asyncio.run_coroutine_threadsafe(work, loop)


@cache
def _loop(pid: int) -> asyncio.AbstractEventLoop:  # noqa: ARG001 - the cache's key
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="rag-language-models", daemon=True).start()
    return loop


def client(url: SplitResult, key: str, on_response: Callable[[httpx2.Response], Awaitable[None]]) -> openai.AsyncOpenAI:
    """Return a client of one server that neither retries nor follows redirects.

    Proxies are taken from the environment.

    Raises
    ------
    ExtraMissing
        ``openai`` is not installed.
    """
    try:
        import httpx2
        import openai
    except ImportError as error:
        raise ExtraMissing("models on servers need the openai client: pip install 'rag-workbench[openai]'") from error
    http = httpx2.AsyncClient(
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
        event_hooks={"response": [on_response]},
    )
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=urlunsplit((url.scheme, url.netloc, url.path, "", "")),
        default_query=dict(parse_qsl(url.query)) or None,
        default_headers={"Accept-Encoding": "identity"},
        max_retries=0,
        http_client=http,
    )


def capped(response: httpx2.Response, limit: int, budget: Budget, where: str) -> httpx2.AsyncByteStream:
    """Return a response's bytes, counted, up to a limit; an error's body is cut there.

    Raises
    ------
    LLMBadResponse
        While it is read, after ``limit`` bytes; ``where`` names the server.
    """
    import httpx2

    source: Any = response.stream
    is_error = not response.is_success

    class Capped(httpx2.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = min(limit, MAX_ERROR_BYTES) if is_error else limit
            async for chunk in source:
                budget.spend(n_bytes=len(chunk))
                yield chunk[:left]
                left -= len(chunk)
                if left < 0 and is_error:  # its beginning is enough
                    return
                if left < 0:
                    raise LLMBadResponse(f"the reply of {where} is longer than {limit / (1 << 20):.3g} MB")

        async def aclose(self) -> None:
            await source.aclose()

    return Capped()
