"""PGlite for tests: PostgreSQL with pgvector and pg_textsearch as a child of the test's process, run by node.

It is one session for all who connect, and knows no COPY, so a whole knowledge base cannot be kept in it.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULES = Path(sys.prefix) / "pglite" / "node_modules"
_SCRIPT = """
import {{ PGlite }} from '@electric-sql/pglite'
import {{ PGLiteSocketServer }} from '@electric-sql/pglite-socket'
import {{ pg_textsearch }} from '@electric-sql/pglite-pg_textsearch'
import {{ vector }} from '@electric-sql/pglite-pgvector'
const db = await PGlite.create({{ extensions: {{ pg_textsearch, vector }} }})
const server = new PGLiteSocketServer({{ db, port: {port}, host: '127.0.0.1', maxConnections: 4 }})
await server.start()
console.log('ready')
process.stdin.on('end', () => process.exit(0))
process.stdin.resume()
"""


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """Run it for a ``with`` block; give its port. Skip where node or its packages are missing."""
    node = shutil.which("node")
    if node is None or not MODULES.is_dir():
        pytest.skip("node and PGlite are not installed: make pglite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    call = [node, "--input-type=module", "--eval", _SCRIPT.format(port=port)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=MODULES.parent, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield port
        finally:
            server.kill()
