"""Whether new rows resemble those that an engine has learned from.

An engine learns centres, codes or a range once and describes all later rows by them. For rows of another kind that
description is poor, and nothing in its answers says so. Two signs show it, and each catches what the other misses:

- The *error* of describing a row, against the errors of the rows that were learned from: rows of a new topic lie far
  from all centres.
- The *crowd* in a row's group (its list, or its code), against the group's share of the rows that were learned from:
  rows that are finer than what was learned have small errors, and all of them the same few codes.

A row far beyond the usual error does not fit. When more than a few of the recent rows lie beyond it or in crowds, the
data have drifted, and every such row does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .types import Ids

Flags = NDArray[np.bool_]
Table = NDArray[np.float64]

SAMPLE = 1024
"""So many rows tell how a batch fits."""

_USUAL = 0.99
"""The share of the learned rows whose error is usual."""
_FAR = 2.0
"""Times the usual error: such a row fits no more, whatever the others do."""
_CROWD, _CHANCE = 1.5, 8
"""A group is crowded with half as many again as its share of the rows, and more than chance explains."""
_EACH = 64
"""Learned rows of each group that are counted: of four, one group in twenty would seem crowded by chance."""
_SHARE = 0.05
"""The share of strange recent rows from which the data have drifted; when learned, one in a hundred is."""
_LEAST, _RECENT = 64, 1024
"""A share is one of at least so many rows, and of about the last so many."""


@dataclass(frozen=True, slots=True)
class Described:
    """How an engine describes rows: the error of each, and the number of its group where there are groups."""

    errors: NDArray[np.float32]
    groups: Ids | None = None

    def of(self, rows: Flags) -> Described:
        """Return the description of some of the rows."""
        return Described(self.errors[rows], None if self.groups is None else self.groups[rows])


class Fit:
    """What is usual among the rows that were learned from, and how many recent rows are not.

    Attributes
    ----------
    usual
        The error that nearly all rows that were learned from stay below.
    groups
        float64, shape (2, n_groups): the share of each group when it was learned, and its rows now.
    """

    def __init__(self, usual: float = np.inf, groups: Table | None = None) -> None:
        self.usual = usual
        self.groups = np.empty((2, 0)) if groups is None else groups
        self._seen = self._strange = 0.0

    @classmethod
    def of(cls, described: Described | None, n_rows: int, n_groups: int = 0) -> Fit:
        """Return the fit of what was learned from ``n_rows`` rows, of which a sample is described."""
        if described is None or not len(described.errors):
            return cls()
        usual = float(np.quantile(described.errors, _USUAL))
        if described.groups is None or not n_groups:
            return cls(usual)
        counts = np.bincount(described.groups, minlength=n_groups).astype(np.float64)
        shares = (counts + 1) / (counts.sum() + n_groups)
        return cls(usual, np.stack((shares, shares * n_rows)))

    def strange(self, described: Described, weight: float = 1.0) -> Flags:
        """Count new rows, each of which speaks for ``weight``, and return which of them do not fit."""
        errors, crowded = described.errors, np.zeros(len(described.errors), np.bool_)
        if described.groups is not None and self.groups.size:
            shares, counts = self.groups
            with_new = counts + weight * np.bincount(described.groups, minlength=len(counts))
            limit = _CROWD * shares * with_new.sum() + _CHANCE * weight
            crowded = (with_new > limit)[described.groups]
        self._watch(crowded | (errors > self.usual))
        if self._strange > _SHARE * max(self._seen, _LEAST):
            return np.asarray(crowded | (errors > self.usual))
        return np.asarray(errors > _FAR * self.usual)

    def took(self, described: Described, weight: float = 1.0) -> None:
        """Count rows that were added."""
        if described.groups is not None and self.groups.size:
            self.groups[1] += weight * np.bincount(described.groups, minlength=self.groups.shape[1])

    def _watch(self, strange: Flags) -> None:
        if len(strange) >= _RECENT // 4:  # a batch speaks for itself
            self._seen = self._strange = 0.0
        self._seen += len(strange)
        self._strange += int(strange.sum())
        while self._seen > _RECENT:
            self._seen, self._strange = self._seen / 2, self._strange / 2


def sample(n: int, groups: int = 0) -> slice:
    """Return evenly spread rows of ``n``: about ``SAMPLE``, or enough to tell the shares of as many groups."""
    return slice(None, None, max(1, n // max(SAMPLE, _EACH * groups)))
