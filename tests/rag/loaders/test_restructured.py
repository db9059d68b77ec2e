"""reStructuredText: headings, PEP headers, directives, roles."""

from __future__ import annotations

import pytest

from rag.loaders.restructured import inline

PEP = """PEP: 8
Title: Style Guide
Author: Guido van Rossum <g@p.org>,
        Barry Warsaw
Status: Active

Introduction
============

See :pep:`7` and :pep:`style of
C <7>`.  Use ``x*y``, *not* `this one <http://x>`__ [1]_.

.. comment that nobody
   sees

.. code-block:: python
   :linenos:

   import *os*

.. note:: Careful.

Nested
------

An example::

    *kept as is*

Back.

.. [1] The footnote.
"""


def test_pep(read):
    parsed = read(PEP.encode(), "pep-0008.rst")
    assert parsed.title == "PEP 8: Style Guide"
    assert parsed.metadata == {"pep": "8", "author": "Guido van Rossum <g@p.org>, Barry Warsaw", "status": "Active"}
    assert parsed.text == (
        "PEP: 8\nTitle: Style Guide\nAuthor: Guido van Rossum <g@p.org>,\nBarry Warsaw\nStatus: Active\n\n"
        "Introduction\n\nSee PEP 7 and style of\nC.  Use `x*y`, not this one [1].\n\n   import *os*\n\nCareful.\n\n"
        "Nested\n\nAn example:\n\n    *kept as is*\n\nBack.\n\n[1] The footnote."
    )
    assert [s.heading for s in parsed.sections] == [("Introduction",), ("Introduction", "Nested")]


def test_levels_follow_the_order_of_adornments(read):
    source = "=====\nTitle\n=====\n\nA\n-\n\nLong heading\n------------\n\nx\n\nDeep\n~~~~\n\ny\n\nNext\n----\n\nz\n"
    parsed = read(source.encode(), "a.rst")
    assert parsed.title == "Title"
    assert [s.heading for s in parsed.sections] == [
        ("Title",),
        ("Title", "Long heading"),
        ("Title", "Long heading", "Deep"),
        ("Title", "Next"),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (":func:`~os.path.join` x", "join x"),
        (":ref:`the guide <guide>`", "the guide"),
        ("**bold** and *it*", "bold and it"),
        ("``a_b_`` stays", "`a_b_` stays"),
        ("`named`_ link", "named link"),
        ("2 * 3 * 4", "2 * 3 * 4"),
    ],
)
def test_inline(source, expected):
    assert inline(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (".. tab:: Linux\n\n   Use *apt*.", "Linux\n\n   Use apt."),
        (".. epigraph::\n\n   The sea is calm.", "   The sea is calm."),
        (".. figure:: pier.png\n   :alt: The pier\n   :width: 3\n\n   At dawn.", "The pier\n\n   At dawn."),
        (".. image:: pier.png\n   :alt: The pier\n   :width: 3\n", "The pier"),
        (".. only:: html\n\n   Online.", "   Online."),
        (".. list-table:: Fees\n   :header-rows: 1\n\n   * - Boat\n     - Fee", "Fees\n\nBoat | Fee"),
        (
            ".. |x| replace:: oak\n.. list-table::\n :header-rows: 1\n\n * - A\n   - B\n * - Raft\n     of |x|\n   - 4",
            "A: Raft of oak | B: 4",
        ),
        (
            '.. csv-table:: Fees\n   :header: Boat, Fee\n\n   "Raft, big", 4\n\nEnd.',
            "Fees\n\nBoat: Raft, big | Fee: 4\n\nEnd.",
        ),
        (".. csv-table:: Fees\n   :file: fees.csv\n\nEnd.", "Fees\n\nEnd."),
    ],
)
def test_directives_keep_their_text(read, source, expected):
    assert read(source.encode(), "a.rst").text.strip("\n") == expected.strip("\n")


def test_a_heading_after_a_comment_or_a_literal_block(read):
    parsed = read(b".. a note\n\nEast\n====\n\nLike so::\n\n   x = 1\n\nWest\n====\n\nend", "a.rst")
    assert [s.heading for s in parsed.sections] == [("East",), ("West",)]


def test_what_goes_is_accounted_for(read):
    account = read(PEP.encode() + b"\n.. toctree::\n\n   other\n", "a.rst").account
    assert account.unaccounted == 0
    assert account.left_out["hidden"] == 4  # the comment
    assert account.left_out["navigation"] == 2
