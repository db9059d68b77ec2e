"""Read files safely and decode bytes into text."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import os
import re
import stat
from typing import cast

from indexes.file_handles import open_plain

from ..errors import ExtraMissing
from .errors import LoadError, Reason

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 16
_CONTROL = bytes(set(range(32)) - {0, 8, 9, 10, 12, 13, 27})


def open_regular(path: str) -> int:
    """Open a file for reading, refusing links, devices, pipes and sockets even if one took the file's place."""
    descriptor = open_plain(path)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LoadError("special", "not a regular file")
    return descriptor


def read_file(path: str, limit: int) -> bytes:
    """Read a whole file of at most ``limit`` bytes; raises LoadError and OSError."""
    with os.fdopen(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise LoadError("limit", f"{size >> 20} MB; files of this type are read up to {limit >> 20} MB")
        data = file.read(size + 1)  # not limit + 1: that much memory would be set aside at once
    if len(data) > size:
        raise LoadError("io", "grew while it was read; load it again")
    return data


def file_sha256(path: str) -> str:
    """Hash a file in steps; raises OSError."""
    try:
        descriptor = open_regular(path)
    except LoadError as error:
        raise OSError(errno.EINVAL, error.detail, path) from None
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reason_of(error: Exception) -> LoadError:
    """Translate an exception into a reason and a sentence about the file."""
    if isinstance(error, LoadError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return _system_reason(error)
    if isinstance(error, ExtraMissing):
        return LoadError("extra", str(error))
    if isinstance(error, ModuleNotFoundError):
        return LoadError("extra", f"needs {error.name}: pip install 'rag-workbench[documents]'")
    for kind, reason, detail in (
        (MemoryError, "memory", "needs more memory than a parser may have"),
        (RecursionError, "limit", "nested too deeply"),
        (UnicodeError, "encoding", f"text in an unknown encoding: {error}"),
    ):
        if isinstance(error, kind):
            return LoadError(cast("Reason", reason), detail)
    words = " ".join(str(error).split())[:300]
    return LoadError("parse", f"{type(error).__name__}: {words}" if words else type(error).__name__)


def _system_reason(error: OSError) -> LoadError:
    if isinstance(error, PermissionError):
        return LoadError("permission", "permission denied")
    if isinstance(error, FileNotFoundError):
        return LoadError("missing", "vanished, or was never there")
    return LoadError("io", error.strerror or str(error))


def looks_binary(data: bytes) -> bool:
    """Say whether bytes are something other than text: many NULs that are not UTF-16, or many control characters."""
    head = data[:_SAMPLE]
    if not head or head.startswith(tuple(bom for bom, _ in _BOMS)) or _wide_encoding(head):
        return False
    controls = len(head) - len(head.translate(None, _CONTROL))
    return head.count(0) > 0.3 * len(head) or controls > 0.02 * len(head)


# What a name really means in files and mails, by the WHATWG's standard of encodings.
_MEANT = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
    "iso8859-8-i": "iso8859-8", "ks_c_5601-1987": "cp949", "x-sjis": "cp932", "x-gbk": "gb18030",
}  # fmt: skip
# A text that says it is one of these and has control characters of the upper half was written on Windows.
_ON_WINDOWS = {
    "iso8859-2": "cp1250", "iso8859-4": "cp1257", "iso8859-6": "cp1256", "iso8859-7": "cp1253", "iso8859-8": "cp1255",
    "iso8859-13": "cp1257", "iso8859-15": "cp1252",
}  # fmt: skip
_UPPER_CONTROL = re.compile(rb"[\x80-\x9f]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_ENCODINGS = [
    "cp1252", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "gb18030", "big5hkscs", "cp932",
    "euc_jp", "cp949", "cp874", "cp866", "iso8859_5", "cp850",
]  # fmt: skip
# The statistics often take western text for one of these; what those would put into words then tells them apart.
_NEAR_1252 = frozenset({"cp1250", "cp1254", "cp1257", "cp1258", "cp850", "latin_1"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[^\W\d_A-Za-z]{3,}")
_INVERTED = 0.1
_EASTERN = re.compile(r"[^\W\d_][šžŠŽŸ¹²³¿¼½¾\ufffd]")


def decode(data: bytes, charset: str = "", *, guess: bool = True) -> str:
    """Turn bytes of a text into text: by its mark, as UTF-8, as declared, by statistics, at last as Windows-1252.

    Parameters
    ----------
    charset
        The encoding that the file says it has; it is doubted, for many say what is not so.
    guess
        False to raise LoadError("encoding") instead of running the statistics.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff")
    if encoding := _wide_encoding(data[:_SAMPLE]):
        return data.decode(encoding, "replace")
    declared = _codec(charset)
    if declared in _ON_WINDOWS and _UPPER_CONTROL.search(data):
        declared = _ON_WINDOWS[declared]
    if data.isascii() and (declared == "utf-7" or (b"\x1b" in data and declared.startswith("iso2022"))):
        return data.decode(declared, "replace")
    for errors in ("strict", "surrogatepass"):
        with contextlib.suppress(UnicodeDecodeError):
            return _paired(data.decode("utf-8", errors))
    if not guess:
        raise LoadError("encoding", "not UTF-8")
    if _mostly_utf8(data[: 16 * _SAMPLE]):
        return data.decode("utf-8", "replace")
    known = declared not in {"", "utf-8"} and _plausible(data[:_SAMPLE], declared)
    return data.decode(declared, "replace") if known else _guessed(data)


def _codec(charset: str) -> str:
    """Return the codec that is meant by a declared name; empty if there is none."""
    with contextlib.suppress(LookupError, ValueError):
        name = _MEANT.get(charset.strip().lower()) or codecs.lookup(charset.strip()).name
        return _MEANT.get(name, name) if getattr(codecs.lookup(name), "_is_text_encoding", True) else ""
    return ""


def _plausible(sample: bytes, encoding: str) -> bool:
    """Say whether bytes make sense in an encoding."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return True
    words = _WORD.findall(sample.decode(encoding, "replace"))
    if sum(word[0].islower() and word[1:].isupper() for word in words) > _INVERTED * len(words):
        return False  # Russian in another of its encodings has capitals for small letters
    best = from_bytes(sample, cp_isolation=[encoding], threshold=0.3).best()
    return best is not None or sample.decode(encoding, "replace").count("\ufffd") < 0.01 * len(sample) < 0.3


def _paired(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates, which some programs write as if they were characters."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _wide_encoding(head: bytes) -> str:
    """Return the encoding of UTF-16 text without a mark, told by NULs in every other byte; else an empty string."""
    if head.count(0) < 0.2 * len(head):
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def _mostly_utf8(data: bytes) -> bool:
    """Say whether text is UTF-8 with a few broken bytes (a flipped bit, a cut end) and no other encoding."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    good = len(re.findall(r"[^\x00-\x7f\ufffd]", text))
    return broken <= 0.5 * good or broken <= len(text) / 10_000


def _guessed(data: bytes) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return data.decode("cp1252", "replace")
    sample = data[:_SAMPLE]
    if _is_euc_japanese(sample):
        return data.decode("euc_jp", "replace")
    best = from_bytes(sample, cp_isolation=_ENCODINGS).best() or from_bytes(sample).best()
    encoding = best.encoding if best is not None else "cp1252"
    if encoding in _NEAR_1252:
        western = data.decode("cp1252", "replace")
        if not _EASTERN.search(western[:_SAMPLE]):
            return western
    return data.decode(encoding, "replace")


def _is_euc_japanese(sample: bytes) -> bool:
    """Say whether bytes are EUC-JP: Korean has the same, but hardly ever in the rows where Japanese has its kana."""
    text = sample.decode("euc_jp", "replace")
    foreign = sum(not character.isascii() for character in text)
    return text.count("\ufffd") <= 1 and len(_KANA.findall(text)) > 0.25 * foreign
