"""An HTTP client with limits on the size of replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, urlunsplit

from ...errors import ExtraMissing
from ..budget import Budget

if TYPE_CHECKING:
    import httpx2
    import openai

MAX_ERROR_BYTES = 64 << 10
CONNECT_SECONDS = 4.0
"""A server that does not accept a connection in this time is not asked again: TCP itself has tried three times."""


class TooLong(Exception):  # noqa: N818
    """A reply exceeded its limit of bytes."""


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


def capped(response: httpx2.Response, limit: int, budget: Budget) -> httpx2.AsyncByteStream:
    """Return a response's bytes, counted, up to a limit; an error's body is cut there.

    Raises
    ------
    TooLong
        While it is read, after ``limit`` bytes.
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
                    raise TooLong(f"longer than {limit / (1 << 20):.3g} MB")

        async def aclose(self) -> None:
            await source.aclose()

    return Capped()
