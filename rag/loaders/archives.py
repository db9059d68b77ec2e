"""Zip archives, read in memory under limits; nothing is extracted to disk."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from functools import partial

from .draft import SourceBudget
from .errors import LoadError
from .formats import ParseContext
from .members import read_member
from .results import Failed, Parsed
from .zip_names import names_of

_STEP = 1 << 20
_LOCAL_HEADER = 30
_QUIET = ("__macosx", ".ds_store", "thumbs.db")


def open_zip(data: bytes, budget: SourceBudget) -> zipfile.ZipFile:
    """Open an archive after its directory has passed the limits; raises LoadError.

    `zipfile` reads no more than the declared size of a member, so what is declared can be trusted as a bound, and
    limits on it hold for every library that reads by `zipfile`.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise LoadError("parse", f"not a readable zip: {error}") from None
    infos = archive.infolist()
    budget.unpack(sum(info.file_size for info in infos), len(data))
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise LoadError("limit", "members overlap: a bomb")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size
    return archive


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read every member of a zip archive that is of a readable type."""
    with open_zip(data, context.budget) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and not _quiet(info.filename)]
        context.budget.admit(len(infos))
        if infos and _is_package(infos):
            raise LoadError("type", "the package of a program whose files are not read")
        if not infos:
            raise LoadError("empty", "an archive without files")
        names = names_of(infos)
        seen: set[str] = set()
        for info in infos:
            name = names[info.filename]
            if trouble := _trouble(info, name, seen):
                yield Failed(name, trouble.reason, trouble.detail, "zip")
                continue
            seen.add(name)
            yield from read_member(name, partial(read_bounded, archive, info), context)


def _is_package(infos: list[zipfile.ZipInfo]) -> bool:
    """Say whether a zip is one program's document, whose parts are no documents."""
    return infos[0].filename == "mimetype" or any(
        info.filename in ("[Content_Types].xml", "Index/Document.iwa", "Index/Presentation.iwa") for info in infos
    )


def read_bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read a member in steps, never more than it declares."""
    parts: list[bytes] = []
    size = 0
    try:
        with archive.open(info) as member:
            while part := member.read(_STEP):
                size += len(part)
                if size > info.file_size:
                    raise LoadError("limit", "bigger than it declares")
                parts.append(part)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise LoadError("parse", f"broken in the archive: {error}") from None
    if size != info.file_size:
        raise LoadError("parse", "broken in the archive: shorter than it declares")
    return b"".join(parts)


def _trouble(info: zipfile.ZipInfo, name: str, seen: set[str]) -> LoadError | None:
    """Return why a member must not be opened; None if it may."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or ":" in parts[0]:
        return LoadError("outside", "a name that points out of the archive")
    if stat.S_ISLNK(info.external_attr >> 16):
        return LoadError("special", "a link")
    if info.flag_bits & 1:
        return LoadError("encrypted", "needs a password; unpack it and ingest the files")
    if name in seen:
        return LoadError("parse", "a second member of the same name")
    return None


def _quiet(name: str) -> bool:
    return any(part.lower() in _QUIET for part in name.split("/"))
