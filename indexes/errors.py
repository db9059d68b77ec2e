"""Errors of the index contract.

::

    IndexError_                       base of all of them
    ├── InvalidInput(ValueError)      vectors, ids, k or terms that break the contract; names the row and the fix
    │   ├── UnknownParameter          a parameter or spec name that does not exist; names the nearest one
    │   └── UnknownId(KeyError)       an id that the index does not hold
    ├── NotBuilt(RuntimeError)        the index was left half changed: build or load it again
    ├── EngineMissing(ImportError)    the library underneath is not installed; the message has the install line
    └── IndexDamaged(ValueError)      a saved file is missing, truncated or altered; names the file
        ├── IndexMissing(FileNotFoundError)   the folder does not exist
        └── IndexOutdated             every byte is as it was saved, but another version of this toolkit saved it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class IndexError_(Exception):  # noqa: N801, N818 - the bare name would shadow the builtin that every reader knows
    """Base of all errors that ``indexes`` raises on purpose."""


class InvalidInput(IndexError_, ValueError):  # noqa: N818
    """Vectors, ids, ``k`` or terms that break the contract."""


class UnknownParameter(InvalidInput):
    """A spec or parameter name that does not exist."""


class UnknownId(InvalidInput, KeyError):  # noqa: N818
    """An id that the index does not hold."""

    def __str__(self) -> str:  # KeyError shows its argument quoted, which mangles a sentence
        return str(self.args[0]) if self.args else ""


class NotBuilt(IndexError_, RuntimeError):  # noqa: N818
    """An earlier change failed half-way, so the index cannot be used."""


class EngineMissing(IndexError_, ImportError):  # noqa: N818
    """The library under an engine is not installed."""


class IndexDamaged(IndexError_, ValueError):  # noqa: N818
    """A saved index file is missing, truncated or altered."""


class IndexMissing(IndexDamaged, FileNotFoundError):  # noqa: N818
    """The folder of a saved index does not exist."""


class IndexOutdated(IndexDamaged):
    """Every byte is as it was saved, but in the form of another version: what cannot be loaded here, like damage."""


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> str:
    """Return the message for an unknown name, with the nearest known one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1, 0.5) or [n for n in names if n.lower() == name.lower()]
    choice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    return " ".join(filter(None, (f"unknown {what} {name!r}", where))) + f": {choice}"
