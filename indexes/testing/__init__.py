"""The contract of ``DenseIndex`` as pytest classes: a new engine inherits them all.

In the test file of an engine::

    import functools, pytest, indexes
    from indexes.testing import *  # or the classes by name

    @pytest.fixture(scope="module", params=["hnsw", "hnsw:storage=sq8"])
    def factory(request):
        return functools.partial(indexes.dense, request.param)

    class TestNumbers(NumbersContract): ...
    class TestChanges(ChangesContract): ...

Numbers are compared with exact search in float64, tie-aware; permitted differences are read from an engine's
``traits``, and no test is skipped.
"""

from __future__ import annotations

from .ageing import AgeingContract
from .base import needs
from .changes import ChangesContract
from .crashes import CrashesContract
from .files import FilesContract
from .filter import FilterContract
from .inputs import InputsContract
from .numbers import NumbersContract
from .threads import ThreadsContract

__all__ = [
    "AgeingContract",
    "ChangesContract",
    "CrashesContract",
    "FilesContract",
    "FilterContract",
    "InputsContract",
    "NumbersContract",
    "ThreadsContract",
    "needs",
]
