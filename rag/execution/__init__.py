"""Where the work of an ingest is done: in this process, in supervised ones, or on many machines."""

from .here import ThisProcess
from .naming import executor
from .processes import SupervisedProcesses
from .protocol import Executor

__all__ = ["Executor", "SupervisedProcesses", "ThisProcess", "executor"]
