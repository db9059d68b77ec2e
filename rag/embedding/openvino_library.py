"""OpenVINO, imported without what reports over the network."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from .tokens import Untyped

if TYPE_CHECKING:
    import types


def openvino() -> types.ModuleType:
    """Import OpenVINO without its model converter, whose import writes to the user's home and reports over the network.

    The converter's package sends an event to its makers on import, by ``openvino_telemetry``, which also keeps a client
    id in ``~/intel``. The runtime needs neither; leaving them out saves a third of the import's time as well.
    """
    if "openvino" not in sys.modules:
        hidden: dict[str, Any] = {"openvino_telemetry": None, "openvino.tools.ovc": None}
        before = {name: sys.modules[name] for name in hidden if name in sys.modules}
        sys.modules.update(hidden)
        try:
            import openvino as module
        finally:
            for name in hidden:
                sys.modules.pop(name, None)
            sys.modules.update(before)
        if not hasattr(module, "convert_model"):
            module.convert_model = _convert_model  # others in this process find it where they expect it
    return sys.modules["openvino"]


def _convert_model(*arguments: object, **options: object) -> Untyped:
    """OpenVINO's ``convert_model``, imported when called and without its telemetry."""
    name = "openvino_telemetry"
    before = sys.modules.get(name)
    if before is None:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say: not to be imported
    try:
        from openvino.tools.ovc import convert_model
    finally:
        if before is None:
            sys.modules.pop(name, None)
    return convert_model(*arguments, **options)


def openvino_installed() -> bool:
    """Say whether OpenVINO is installed, without importing it."""
    return importlib.util.find_spec("openvino") is not None
