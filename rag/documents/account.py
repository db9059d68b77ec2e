"""The account of a reading: which words a file holds, and what became of those that are not in its documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

Kind = Literal[
    "navigation",  # menus, buttons, links of a page
    "header-footer",  # lines that every page repeats, page numbers
    "notes",  # of the speaker, or comments of reviewers
    "form-fields",
    "pictures",  # descriptions of pictures
    "hidden",  # not shown to a reader of the file
    "deleted",  # struck out under revision control
    "duplicated",  # a fallback or an alternative of text that is in
    "markup",  # of the format itself: link targets, options, attributes
    "unread",  # parts of a kind that the reader does not know
]
KINDS: tuple[str, ...] = get_args(Kind)

TOLERATED = 0.02
"""Share of a file's words that may be unaccounted without a line about it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of one file, or the sum of several.

    ``held == read + sum(left_out) + unaccounted``, in words: the file's own, counted by a crude reader that shares no
    code with the parser. A word that is in the documents more often than in the file counts as often as in the file.

    Attributes
    ----------
    held
        Words in the file; 0 if its format has no crude reader: the account is then of ``left_out`` alone.
    left_out
        Words that the parser left out, by `Kind`.
    unaccounted
        Words of which nobody knows where they went.
    remarks
        Sentences about the file: pages without text, formulas without values, parts that were not read.
    """

    held: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    unaccounted: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The remarks, and one on unaccounted words if they are more than `TOLERATED`."""
        if self.unaccounted <= TOLERATED * self.held:
            return self.remarks
        lost = f"{self.unaccounted} of its {self.held} words are not in the text, for reasons unknown"
        return (*self.remarks, lost)

    def __add__(self, other: Account) -> Account:
        """Return the account of both."""
        left = Counter(self.left_out)
        left.update(other.left_out)
        return Account(
            self.held + other.held,
            dict(left),
            self.unaccounted + other.unaccounted,
            (*self.remarks, *(remark for remark in other.remarks if remark not in self.remarks)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the account for JSON."""
        left = dict(self.left_out)
        return {"held": self.held, "left_out": left, "unaccounted": self.unaccounted, "remarks": list(self.remarks)}

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Return what `as_dict` gave; an empty mapping is an empty account."""
        return cls(**{**fields, "remarks": tuple(fields.get("remarks", ()))})


def total(accounts: Iterable[Account]) -> Account:
    """Return the sum of accounts, without their remarks, which belong to one file each."""
    whole = Account()
    for each in accounts:
        whole += Account(each.held, each.left_out, each.unaccounted)
    return whole
