"""Errors of the index contract.

::

    IndexError_                       base of all of them
    ├── InvalidInput(ValueError)      vectors, ids, k or terms that break the contract; names the row and the fix
    │   ├── UnknownParameter          a parameter or spec name that does not exist; names the nearest one
    │   └── UnknownId(KeyError)       an id that the index does not hold
    ├── NotBuilt(RuntimeError)        search or save before build
    ├── EngineMissing(ImportError)    the library underneath is not installed; says the install line
    └── IndexDamaged(ValueError)      a saved file is missing, truncated or altered; names the file
        └── IndexMissing(FileNotFoundError)   there is no such folder
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class IndexError_(Exception):  # noqa: N801, N818 - the bare name would shadow the builtin that every reader knows
    """Base of every error that ``indexes`` raises on purpose."""


class InvalidInput(IndexError_, ValueError):  # noqa: N818
    """Vectors, ids, ``k`` or terms that break the contract."""


class UnknownParameter(InvalidInput):
    """A spec or parameter name that does not exist."""


class UnknownId(InvalidInput, KeyError):  # noqa: N818
    """An id that the index does not hold."""

    def __str__(self) -> str:  # KeyError shows its argument quoted, which mangles a sentence
        return str(self.args[0]) if self.args else ""


class NotBuilt(IndexError_, RuntimeError):  # noqa: N818
    """The index was used before ``build``."""


class EngineMissing(IndexError_, ImportError):  # noqa: N818
    """The library under an engine is not installed."""


class IndexDamaged(IndexError_, ValueError):  # noqa: N818
    """A saved index file is missing, truncated or altered."""


class IndexMissing(IndexDamaged, FileNotFoundError):  # noqa: N818
    """There is no folder where a saved index should be."""


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> str:
    """Write the message for a name that does not exist, with the nearest that does."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1, 0.5) or [n for n in names if n.lower() == name.lower()]
    choice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    return " ".join(filter(None, (f"unknown {what} {name!r}", where))) + f": {choice}"
