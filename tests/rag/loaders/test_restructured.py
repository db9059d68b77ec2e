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
