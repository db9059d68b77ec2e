"""Digest of a part of one's own: its parameters and the source of what makes it, or what it says itself.

A stage that is kept belongs to what it was made of, so a part that is a Python object needs a digest that changes when
the part does. Where that cannot be told from the object, the object is asked for it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import json
import sys
import types
from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol

import numpy as np

from rag.embedding.digests import remembered_sha256
from rag.errors import InvalidInput

from .contents import digest_of

_SCALARS = str | int | float | bool | bytes | None
_DEEPEST = 20


def object_digest(thing: object, what: str) -> str:
    """Return a digest of an object, class or function.

    Parameters
    ----------
    thing
        Its attribute ``digest``, a text, counts alone where it has one.
    what
        Names it in errors: ``the reranker shorter``.

    Raises
    ------
    InvalidInput
        It holds something whose content is not known, or its source cannot be read.
    """
    said = getattr(thing, "digest", None)
    if isinstance(said, str) and said:
        return hashlib.sha256(f"digest {said}".encode()).hexdigest()
    facts = _Facts(what).of(thing, what, 0)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode(errors="surrogatepass")).hexdigest()


class _Facts:
    """Turns values into what JSON knows, or says which one it cannot."""

    def __init__(self, what: str) -> None:
        self._what = what

    def of(self, value: object, where: str, depth: int) -> Any:  # noqa: ANN401 - what JSON takes
        if depth > _DEEPEST:
            raise self._unknown(where, value)
        if isinstance(value, _SCALARS | np.generic):
            return [type(value).__name__, repr(value)]
        if isinstance(value, Path):
            return ["path", str(value), digest_of(value) if value.exists() else ""]
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            data = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            return ["array", str(value.dtype), list(value.shape), data]
        if isinstance(value, list | tuple | set | frozenset | Mapping):
            return self._several(value, where, depth + 1)
        return self._code(value, where, depth)

    def _several(self, value: Any, where: str, depth: int) -> Any:  # noqa: ANN401
        kind = type(value).__name__
        if isinstance(value, Mapping):
            pairs = [[self.of(k, where, depth), self.of(v, where, depth)] for k, v in value.items()]
            return [kind, *sorted(pairs, key=json.dumps)]
        held = [self.of(each, where, depth) for each in value]
        return [kind, *(held if isinstance(value, list | tuple) else sorted(held, key=json.dumps))]

    def _code(self, value: object, where: str, depth: int) -> Any:  # noqa: ANN401
        if isinstance(value, functools.partial):
            return ["partial", *(self.of(each, where, depth + 1) for each in (value.func, value.args, value.keywords))]
        if isinstance(value, types.MethodType):
            return ["method", self.of(value.__func__, where, depth + 1), self.of(value.__self__, where, depth + 1)]
        if isinstance(value, types.FunctionType):
            return self._function(value, where, depth)
        if isinstance(value, types.BuiltinFunctionType) and isinstance(value.__self__, types.ModuleType):
            return ["function of Python", value.__module__, value.__qualname__, sys.version]
        if isinstance(value, type):
            return ["class", value.__qualname__, *(self._source(each) for each in _own_classes(value))]
        state = _state(value) if _is_shown(type(value)) else None
        if state is None:
            raise self._unknown(where, value)
        held = {name: self.of(each, f"{where}.{name}", depth + 1) for name, each in state.items()}
        return ["object", self.of(type(value), where, depth + 1), held]

    def _function(self, value: types.FunctionType, where: str, depth: int) -> Any:  # noqa: ANN401
        closed = dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True))
        held = {name: self.of(cell.cell_contents, f"{where}, its {name}", depth + 1) for name, cell in closed.items()}
        defaults = [self.of(each, where, depth + 1) for each in (value.__defaults__, value.__kwdefaults__)]
        return ["function", value.__qualname__, _file_of(value), self._compiled(value.__code__, where), held, defaults]

    def _compiled(self, code: types.CodeType, where: str) -> Any:  # noqa: ANN401
        """Tell two functions of one name in one file apart, and those of a notebook, which has no file."""
        inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
        consts = [self.of(c, where, 0) for c in code.co_consts if c not in inner]
        return [code.co_code.hex(), list(code.co_names), consts, [self._compiled(c, where) for c in inner]]

    def _source(self, cls: type) -> str:
        """Return the digest of the file that defines a class, or of its own source where it is a notebook's."""
        if found := _file_of(cls):
            return found
        try:
            return hashlib.sha256(inspect.getsource(cls).encode()).hexdigest()
        except (OSError, TypeError):
            raise InvalidInput(
                f"the source of {self._what} cannot be read, so nobody could tell when it changes: give it an "
                "attribute `digest`, a text that changes when it does"
            ) from None

    def _unknown(self, where: str, value: object) -> InvalidInput:
        held = "" if where == self._what else f" (it is {where})"
        return InvalidInput(
            f"{self._what} holds a {type(value).__name__}{held}, whose content is not known: give it an attribute "
            "`digest`, a text that changes when it does"
        )


def _file_of(code: Any) -> str:  # noqa: ANN401 - a class or function
    """Return the digests of the file that defines something and of those of one's own that it imports; "" if none."""
    found: dict[str, str] = {}
    waiting = [code.__module__]
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        file = Path(getattr(module, "__file__", None) or "")
        if name not in found and file.is_file():
            found[name] = remembered_sha256(file)
            waiting += filter(_is_ones_own, _imports(file, getattr(module, "__package__", None) or ""))
    return " ".join(found[name] for name in sorted(found))


def _imports(file: Path, package: str) -> set[str]:
    """Return the names of the modules that a file may import, whether it does so at once or later."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())) if file.suffix == ".py" else ():
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def _is_ones_own(module: str) -> bool:
    """Say whether a module is neither Python's, nor installed, nor this toolkit's, whose version a stage knows."""
    file = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    installed = {"site-packages", "dist-packages"} & set(file.parts)
    return file.suffix == ".py" and not installed and module.partition(".")[0] not in _KNOWN


def _own_classes(cls: type) -> list[type]:
    """Return a class and its bases, without the standard library's."""
    return [each for each in cls.__mro__ if each.__module__.partition(".")[0] not in _LIBRARY]


def _is_shown(cls: type) -> bool:
    """Whether all that an object of a class holds are attributes: no class of it is written in another language."""
    files = [getattr(sys.modules.get(each.__module__), "__file__", None) or "" for each in _own_classes(cls)]
    others = [each for each in cls.__mro__ if each not in (object, *_own_classes(cls), *_EMPTY)]
    return bool(files) and not others and not any(file.endswith((".so", ".pyd")) for file in files)


_LIBRARY = sys.stdlib_module_names - {"__main__"}
_KNOWN = sys.stdlib_module_names - {"__main__"} | {"rag", "indexes", "pipelines"}
_EMPTY = (Generic, Protocol, ABC)


def _state(value: object) -> dict[str, Any]:
    """Return an object's attributes."""
    slots = [name for cls in type(value).__mro__ for name in _slots(cls) if hasattr(value, name)]
    return {**{name: getattr(value, name) for name in slots}, **getattr(value, "__dict__", {})}


def _slots(cls: type) -> tuple[str, ...]:
    own = vars(cls).get("__slots__", ())
    names = (own,) if isinstance(own, str) else tuple(own)
    return tuple(name for name in names if name not in {"__dict__", "__weakref__"})
