"""Load folders with links, pipes and archives that point elsewhere: nothing outside is read."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

from rag.loaders import LoadFailure, load

from .forking import need_fork
from .tally import Tally

_CANARY = "Canary7731 outside of the folder."


def check(place: Path, tally: Tally) -> None:
    need_fork()  # and named pipes
    outside, inside = place / "outside", place / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.txt").write_text(_CANARY)
    (inside / "good.txt").write_text("A good file.")
    (inside / "file.txt").symlink_to(outside / "secret.txt")
    (inside / "folder").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    (inside / "absolute.txt").symlink_to("/etc/hostname")
    os.mkfifo(inside / "pipe.txt")
    (inside / "new\nline \u202e.txt").write_text("An odd name.")
    names = ("../outside/planted.txt", "/tmp/planted-by-selftest.txt", "a/../../../planted.txt", "C:\\planted.txt")  # noqa: S108
    with zipfile.ZipFile(inside / "climb.zip", "w") as file:
        for name in names:
            file.writestr(name, "climbing")
    with tarfile.open(inside / "climb.tar", "w") as tar:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside / "secret.txt")
        tar.addfile(link)
    failures: list[LoadFailure] = []
    found = list(load(inside, failures=failures))
    texts = [document.text for document in found]
    tally.expect(not any("Canary7731" in text for text in texts), "a file outside of the folder is read")
    tally.expect("A good file." in texts and "An odd name." in texts, "a good file is missing")
    tally.expect(not list(place.rglob("planted*")) and not Path(names[1]).exists(), "a file is written outside")
    told = {failure.source for failure in failures}
    for name in ("file.txt", "folder", "absolute.txt", "pipe.txt"):
        tally.expect(any(name in source for source in told), f"{name}: left out without a word")
