"""Make the pictures of the terminal in README from real runs: ``make pictures``.

Each command runs in a terminal of its own, 100 columns wide, in a folder with this project's ``docs/``; its output,
colours included, becomes an SVG. Nothing is edited.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "site" / "pictures"
COMMANDS = {
    "ask": ("rag ingest docs/ --into kb", 'rag ask kb "How do I delete a document for good?"'),
    "explain": ('rag search kb "how do i delet a documnt" -k 2 --explain',),
    "bench": ("rag bench --data kb --index flat --index hnsw:ef=32..128 --index ivf --index lsh --out bench",),
}
"""Commands by the picture's name; later pictures use what earlier ones made."""
WIDTH = 100
_FONT = re.compile(r"@font-face \{[^}]*\}", re.DOTALL)


def output_of(command: str, folder: Path) -> str:
    """Return what a command writes to a terminal, colours included."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "60", "TERM": "xterm-256color", "FORCE_COLOR": "1"}
    arguments = [sys.executable, "-m", "pipelines.cli", *shlex.split(command)[1:]]
    environment["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(arguments, cwd=folder, env=environment, stdin=child, stdout=child, stderr=subprocess.DEVNULL):
        os.close(child)
        said = io.BytesIO()
        try:
            while data := os.read(parent, 1 << 16):
                said.write(data)
        except OSError:  # the other end is closed: the command has ended
            pass
    os.close(parent)
    return said.getvalue().decode("utf-8", "replace").replace("\r\n", "\n")


def picture(commands: tuple[str, ...], folder: Path) -> str:
    """Return the SVG of some commands with what they said."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command in commands:
        console.print(Text(f"$ {command}", style="bold"))
        console.print(Text.from_ansi(output_of(command, folder).rstrip()))
        console.print()
    svg = console.export_svg(title="rag", unique_id="rag")
    return _FONT.sub("", svg).replace("Fira Code", "ui-monospace, Menlo, Consolas, monospace")


def main() -> None:
    """Write every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs").symlink_to(ROOT / "docs")
        for name, commands in COMMANDS.items():
            (PICTURES / f"{name}.svg").write_text(picture(commands, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
