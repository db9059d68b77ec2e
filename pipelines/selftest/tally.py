"""What a check of a promise has tried, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

_SHOWN = 20


@dataclass
class Tally:
    """Trials of one promise.

    Attributes
    ----------
    tried
        Trials so far.
    bad
        What went wrong, a line each.
    facts
        What shows that the trials met what they are about: kills that came while something was written, for example.
    """

    tried: int = 0
    bad: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    def expect(self, holds: object, otherwise: str) -> None:
        """Count a trial; ``otherwise`` says what went wrong if it does not hold."""
        self.tried += 1
        if not holds:
            self.bad.append(otherwise[:400])

    def refused(self, error: type[BaseException] | tuple[type[BaseException], ...], work: Callable[[], object]) -> str:
        """Count a trial: some work must end with an error of this kind; return its message."""
        try:
            found = work()
        except error as expected:
            self.tried += 1
            return str(expected)
        except Exception as other:
            self.expect(False, f"{type(other).__name__} instead of a refusal: {other}")
        else:
            self.expect(False, f"accepted, with {found!r}")
        return ""

    def form(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        return {"tried": self.tried, "failed": len(self.bad), "bad": self.bad[:_SHOWN], **self.facts}
