"""Executors by name."""

from __future__ import annotations

import re

from ..errors import InvalidInput
from .here import ThisProcess
from .processes import SupervisedProcesses
from .protocol import Executor

FORMS = "here, processes:N, ray:N (N workers on this machine) or ray:ADDRESS (of a cluster)"
_PROCESSES = re.compile(r"processes(?::(\d+))?")
_RAY = re.compile(r"ray(?::(.+))?")


def executor(spec: str) -> Executor:
    """Make an executor; the caller closes it.

    Parameters
    ----------
    spec
        ``here``; ``processes:4``, by default one for each processor; ``ray:2`` for two workers of Ray on this machine,
        ``ray:auto`` or ``ray:ADDRESS`` for a cluster that runs.

    Raises
    ------
    InvalidInput
        The spec names no executor.
    ExtraMissing
        Ray is not installed.
    """
    if spec == "here":
        return ThisProcess()
    if found := _PROCESSES.fullmatch(spec):
        return SupervisedProcesses(int(found[1]) if found[1] else None)
    if found := _RAY.fullmatch(spec):
        from .ray_cluster import RayCluster

        where = found[1] or "auto"
        return RayCluster(workers=int(where)) if where.isdecimal() else RayCluster(where)
    raise InvalidInput(f"no executor {spec!r}; write {FORMS}")
