"""Hard caps on what a run may spend on language models."""

from __future__ import annotations

import math
import threading

from ..errors import BudgetExceeded, InvalidInput
from .language_model import Usage

_NO_TIME = 0.02
"""Seconds: too short for a call, since the clocks of a deadline and of a call differ by as much."""


class Budget:
    """Caps over all calls of the models that share it; a call that would exceed one is not made.

    Parameters
    ----------
    calls
        Requests, repeated ones included.
    tokens
        Tokens of prompts and answers together, as the back ends count them. An answer is limited to what is left, so
        the total exceeds the cap by one prompt at most.
    bytes
        Bytes of replies from the network, or of texts where a model runs in this process.
    seconds
        Time spent in calls.

    Raises
    ------
    InvalidInput
        A cap is negative.

    Examples
    --------
    >>> from rag.testing import ScriptedGenerator
    >>> budget = Budget(calls=2)
    >>> budget.call()
    >>> budget
    Budget(calls=1/2, tokens=0, bytes=0, seconds=0.0)
    """

    def __init__(
        self,
        *,
        calls: int | None = None,
        tokens: int | None = None,
        bytes: int | None = None,  # noqa: A002 - the field's word
        seconds: float | None = None,
    ) -> None:
        self._caps = {"calls": calls, "tokens": tokens, "bytes": bytes, "seconds": seconds}
        for name, cap in self._caps.items():
            if cap is not None and not cap >= 0:
                raise InvalidInput(f"Budget({name}={cap!r}): a cap is 0 or more, or None for no cap")
        self._spent: dict[str, float] = {"calls": 0, "tokens": 0, "bytes": 0, "seconds": 0.0}
        self._lock = threading.Lock()

    def left(self, name: str) -> float:
        """Return what is left of ``calls``, ``tokens``, ``bytes`` or ``seconds``; infinity where there is no cap."""
        cap = self._caps[name]
        return math.inf if cap is None else max(0.0, cap - self._spent[name])

    def call(self) -> None:
        """Count one request about to be made.

        Raises
        ------
        BudgetExceeded
            A cap is reached; nothing is counted.
        """
        with self._lock:
            for name, cap in self._caps.items():
                if self.left(name) <= (_NO_TIME if name == "seconds" else 0):
                    raise BudgetExceeded(f"the budget of {cap:g} {name} is spent; raise it with Budget({name}=...)")
            self._spent["calls"] += 1

    def spend(self, usage: Usage = Usage(), *, n_bytes: int = 0) -> None:  # noqa: B008 - frozen
        """Count tokens, seconds and bytes of what was done."""
        with self._lock:
            self._spent["tokens"] += usage.prompt_tokens + usage.completion_tokens
            self._spent["seconds"] += usage.seconds
            self._spent["bytes"] += n_bytes

    def __repr__(self) -> str:
        parts = []
        for name, cap in self._caps.items():
            spent = f"{self._spent[name]:.1f}" if name == "seconds" else f"{self._spent[name]:g}"
            parts.append(f"{name}={spent}" + ("" if cap is None else f"/{cap:g}"))
        return f"Budget({', '.join(parts)})"
