"""Spans for OpenTelemetry, by its conventions for generative AI, where the program records traces; else nothing.

https://github.com/open-telemetry/semantic-conventions-genai (state of development, 0.1). Spans carry names, counts and
options; no question, document or answer, and no key.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

Attribute = str | int | float | bool | list[str]


class Span:
    """One operation of a trace; does nothing where no trace is recorded."""

    def __init__(self, span: Any = None) -> None:  # noqa: ANN401 - an OpenTelemetry span
        self._span = span

    @contextmanager
    def child(self, name: str, *, remote: bool = False, **attributes: Attribute | None) -> Iterator[Span]:
        """Open a span inside this one; see `span`."""
        with span(name, parent=self, remote=remote, **attributes) as inner:
            yield inner

    def set(self, **attributes: Attribute | None) -> None:
        """Set attributes; ``__`` in a name stands for a dot, None is left out."""
        if self._span is not None:
            for name, value in attributes.items():
                if value is not None:
                    self._span.set_attribute(name.replace("__", "."), value)

    def failed(self, error: BaseException) -> None:
        """Mark the operation as failed, by the error's type alone: its text may quote what is confidential."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.set_status(Status(StatusCode.ERROR, type(error).__qualname__))

    @cached_property
    def trace_id(self) -> str:
        """The trace's id, 32 hexadecimal digits; a random one where no trace is recorded."""
        context = self._span.get_span_context() if self._span is not None else None
        return f"{context.trace_id:032x}" if context is not None and context.is_valid else secrets.token_hex(16)


@contextmanager
def span(
    name: str, *, parent: Span | None = None, remote: bool = False, **attributes: Attribute | None
) -> Iterator[Span]:
    """Open a span around an operation; errors that pass through mark it as failed.

    Where another process does the work (``remote``) its kind is CLIENT, else INTERNAL.

    It never becomes the thread's current span: an answer that streams is read wherever its reader is.
    """
    # A program that records traces has imported OpenTelemetry; for all others it is not worth its import.
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        yield Span()
        return
    above = parent._span if parent is not None else None
    context = trace.set_span_in_context(above) if above is not None else None
    kind = trace.SpanKind.CLIENT if remote else trace.SpanKind.INTERNAL
    own = Span(trace.get_tracer("rag-workbench").start_span(name, context=context, kind=kind))
    own.set(**attributes)
    try:
        yield own
    except GeneratorExit:
        raise  # the reader had enough: no failure
    except BaseException as error:
        own.failed(error)
        raise
    finally:
        own._span.end()
