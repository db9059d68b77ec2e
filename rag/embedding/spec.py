"""Read the spec of an embedder or an ensemble: ``minilm+FOLDER:weight=2,dim=128`` names two of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..components import is_plugin
from ..errors import InvalidInput

_OPTIONS = re.compile(r"(?P<name>.+?):(?P<options>(?:dim|weight)=.*)")


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """A member of an ensemble, or an embedder by itself.

    Attributes
    ----------
    name
        Of a model, of another package's embedder with its options, or a folder.
    weight
        In an ensemble.
    dim
        Components that its vectors are cut to; None for all.
    """

    name: str
    weight: float = 1.0
    dim: int | None = None

    def __str__(self) -> str:
        options = [f"dim={self.dim}"] if self.dim is not None else []
        options += [f"weight={self.weight:g}"] if self.weight != 1 else []
        return f"{self.name}:{','.join(options)}" if options else self.name


def members(text: str) -> list[MemberSpec]:
    """Read the members of a spec; one for an embedder by itself. A folder that is there is one, whatever its name.

    Raises
    ------
    InvalidInput
        An option that does not exist, or a value that is not a number.
    """
    if Path(text).is_dir():
        return [MemberSpec(text)]
    parts = [part.strip() for part in text.split("+")]
    if len(parts) > 1 and not all(parts):
        raise InvalidInput(f"{text!r}: an embedder's name is empty; join two or more by +")
    return [_member(part) for part in parts]


def _member(text: str) -> MemberSpec:
    found = _OPTIONS.fullmatch(text)
    if found is None or Path(text).is_dir() or is_plugin("embedder", text):  # whose options are its own
        return MemberSpec(text)
    options = {}
    for part in found["options"].replace(":", ",").split(","):
        key, _, value = part.strip().partition("=")
        if key not in {"dim", "weight"} or key in options:
            raise InvalidInput(f"{text!r}: an embedder takes dim=NUMBER and weight=NUMBER, each once")
        try:
            options[key] = int(value) if key == "dim" else float(value)
        except ValueError:
            raise InvalidInput(f"{text!r}: {key} is a number, not {value!r}") from None
    return MemberSpec(found["name"], **options)  # type: ignore[arg-type] # dim is whole, as read
