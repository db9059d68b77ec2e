"""Uploaded files: kept beside the knowledge base, in a folder for each set of groups that may read them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rag.documents.document import clean_text
from rag.errors import InvalidInput

PREFIX = "uploads"
"""Begins the source names of uploaded files in a knowledge base."""
_GROUPS = ".groups.json"
_LONGEST = 120
_BAD = re.compile(r'[<>:"|?*#%\x00-\x1f\x7f]')
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))})


def safe_name(given: str) -> str:
    r"""Return the last part of a client's file name, without what file systems, paths and terminals could mistake.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\notes\\tea.md"), safe_name(".."), safe_name("a\u202etxt.exe")
    ('passwd', 'tea.md', 'file', 'atxt.exe')
    """
    last = re.split(r"[\\/]", clean_text(given))[-1]
    shown = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    stem, dot, suffix = _BAD.sub("_", shown).strip(" .").rpartition(".")
    stem, suffix = (stem, f".{suffix}") if dot and stem else (suffix, "")
    suffix = _cut(suffix, 16)
    stem = _cut(stem, _LONGEST - len(suffix.encode())).strip(" .")
    if stem.partition(".")[0].lower() in _RESERVED:
        stem = f"_{stem}"
    return f"{stem}{suffix}".strip(" .") or "file"


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")


@dataclass(frozen=True, slots=True)
class Kept:
    """An uploaded file: its name as a source of the knowledge base, and the groups that may read it."""

    source: str
    groups: tuple[str, ...]


class Uploads:
    """The uploaded files of one knowledge base, in the folder ``NAME.uploads`` beside its own.

    A file of the same name and groups replaces the one before.
    """

    def __init__(self, kb: Path) -> None:
        own = kb.resolve()
        self.folder = own.parent / f"{own.name}.uploads"

    @property
    def base(self) -> Path:
        """Folder that the sources' names begin at."""
        return self.folder

    def keep(self, name: str, data: BinaryIO, groups: Iterable[str]) -> Kept:
        """Keep a file; returns its source name.

        Raises
        ------
        InvalidInput
            The folder cannot be written.
        """
        own = tuple(sorted(set(groups)))
        try:
            folder = self.folder / PREFIX / hashlib.sha256(json.dumps(own).encode()).hexdigest()[:16]
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / _GROUPS).write_text(json.dumps(own), encoding="utf-8")
            place = folder / safe_name(name)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-", delete=False) as part:
                try:
                    shutil.copyfileobj(data, part)
                except BaseException:
                    Path(part.name).unlink()
                    raise
            Path(part.name).replace(place)
        except OSError as error:
            raise InvalidInput(f"the server cannot keep uploads: {error.strerror or error}") from error
        return Kept(str(place.relative_to(self.folder)), own)

    def has(self, location: str) -> bool:
        """Whether a stored document's file is one of these."""
        return bool(location) and Path(location).is_relative_to(self.folder / PREFIX)

    def delete(self, source: str) -> None:
        """Delete a file, if it is there."""
        place = self.folder / source
        if self.has(str(place.parent.resolve() / place.name)):
            place.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what a killed server has left of files that had not come whole."""
        for part in (self.folder / PREFIX).glob("*/.part-*"):
            part.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Kept]:
        """Yield all files that are there."""
        root = self.folder / PREFIX
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            try:
                groups = tuple(json.loads((folder / _GROUPS).read_text(encoding="utf-8")))
            except (OSError, ValueError):
                continue  # nobody's folder: whose documents these would be is not known
            for place in sorted(folder.iterdir()):
                if not place.name.startswith("."):
                    yield Kept(str(place.relative_to(self.folder)), groups)
