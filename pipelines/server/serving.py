"""Run the application on a socket."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from rag.errors import InvalidInput

from .principals import LEAST, is_key
from .slow_heads import guarded

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .guard import Limits

_ENDING_S = 5
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of malloc.h
_ARENAS = 2
_LARGE = 1 << 20
"""Bytes from which an array is mapped on its own."""
_BACKLOG = 2048


def few_arenas() -> None:
    """Have glibc's allocator give memory back.

    By default it makes an arena for each thread, where what was freed stays; and once a large array was freed, it keeps
    the next ones in the heap too, between small things that stay. To be called before threads are made; it does nothing
    elsewhere.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            library = ctypes.CDLL(None)
            library.mallopt(_M_ARENA_MAX, _ARENAS)
            library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
            library.mallopt(_M_TRIM_THRESHOLD, _LARGE)


def read_token(file: Path) -> str:
    """Return the token that a file holds.

    Raises
    ------
    InvalidInput
        The file cannot be read, or its token is too short, or has characters that a header cannot carry.
    """
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the token file {file}: {error}") from error
    if not is_key(token):
        raise InvalidInput(f"{file} must hold one token of at least {LEAST} letters, such as: openssl rand -hex 32")
    return token


def refuse_open(host: str, *, is_open: bool) -> None:
    """Refuse to listen for other machines where everybody may ask.

    Raises
    ------
    InvalidInput
        The address is not of this machine alone, and there is neither a token nor keys.
    """
    if is_open and not _is_loopback(host):
        raise InvalidInput(
            f"--host {host} lets other machines ask, and there is no token: "
            "give --token-file FILE or --keys FILE, or leave --host out"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises
    ------
    InvalidInput
        The address is taken, or not this machine's.
    """
    try:
        family, kind, number, _, place = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, number)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(place)
            bound.listen(_BACKLOG)  # who reads the address may connect: the server takes it from there
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        raise InvalidInput(f"cannot listen on {host}, port {port}: {error.strerror or error}") from error
    return bound


def address(bound: socket.socket) -> str:
    """Return the address of a bound socket for people and clients."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if bound.family == socket.AF_INET6 else f"http://{host}:{port}"


def server(app: FastAPI, limits: Limits) -> uvicorn.Server:
    """Return the server; its ``run`` serves until a signal, or until its ``should_exit`` is set."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=guarded(limits.head_s),
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_ENDING_S,
        )
    )
