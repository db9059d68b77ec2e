"""Libraries of the ``evaluation`` extra, imported where a metric needs one."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import ExtraMissing


def evaluation_extra(module: str, purpose: str) -> Any:  # noqa: ANN401 - a module
    """Import a module of the extra.

    Raises
    ------
    ExtraMissing
        With the install line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ExtraMissing(
            f"{purpose} need {package}, which is not installed; pip install 'rag-workbench[evaluation]'"
        ) from error
