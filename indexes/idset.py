"""A reusable set of allowed ids for filtered searches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from .checks import distinct, whole_numbers
from .errors import InvalidInput
from .rows import Keep
from .types import Ids


class IdSet:
    """Allowed ids.

    An index translates them into its own rows once, and again only after a change; so keep an ``IdSet`` as long as its
    filter is used. Ids that an index does not hold are never found.

    Parameters
    ----------
    ids
        int64-like, shape (n,), >= 0, in any order; repeats count once.

    Raises
    ------
    InvalidInput
        The ids are not whole numbers, or negative.

    Examples
    --------
    >>> len(IdSet([3, 1, 3]))
    2
    """

    __slots__ = ("_kept", "ids")

    def __init__(self, ids: ArrayLike | Iterable[int] | IdSet) -> None:
        if isinstance(ids, IdSet):
            values = ids.ids
        else:
            values = distinct(whole_numbers(ids if isinstance(ids, np.ndarray) else list(ids)))  # type: ignore[arg-type]
            if len(values) and values[0] < 0:
                raise InvalidInput(f"allowed ids must be >= 0, got {values[0]}")
            values.flags.writeable = False
        self.ids: Ids = values
        self._kept: WeakKeyDictionary[object, tuple[int, Keep]] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id_: object) -> bool:
        if not isinstance(id_, (int, np.integer)):
            return False
        at = int(np.searchsorted(self.ids, id_))
        return at < len(self.ids) and bool(self.ids[at] == id_)

    def __repr__(self) -> str:
        return f"IdSet({len(self)} ids)"

    def keep(self, index: object, generation: int, rows_of: Callable[[Ids], Keep]) -> Keep:
        """Return the rows of ``index`` that hold these ids; ``rows_of`` is called once for each generation."""
        known = self._kept.get(index)
        if known is None or known[0] != generation:
            known = self._kept[index] = (generation, rows_of(self.ids))
        return known[1]
