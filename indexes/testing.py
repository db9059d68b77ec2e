"""The contract of ``DenseIndex`` as pytest classes: a new engine inherits them all.

In the test file of an engine::

    import functools, pytest, indexes
    from indexes.testing import *  # or the classes by name

    @pytest.fixture(scope="module", params=["hnsw", "hnsw:storage=sq8"])
    def factory(request):
        return functools.partial(indexes.dense, request.param)

    class TestNumbers(NumbersContract): ...
    class TestChanges(ChangesContract): ...

Numbers are compared with exact search in float64, tie-aware; what an engine may do differently is read from its
``traits``, never skipped.
"""

from __future__ import annotations

from .testing_base import needs
from .testing_changes import ChangesContract
from .testing_crashes import CrashesContract
from .testing_files import FilesContract
from .testing_filter import FilterContract
from .testing_inputs import InputsContract
from .testing_numbers import NumbersContract
from .testing_threads import ThreadsContract

__all__ = [
    "ChangesContract",
    "CrashesContract",
    "FilesContract",
    "FilterContract",
    "InputsContract",
    "NumbersContract",
    "ThreadsContract",
    "needs",
]
