"""Formats by suffix, and the parser of each: literal tables; parsers are imported on first use."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeAlias, cast

from ..components import load_plugin, plugins
from .draft import SourceBudget
from .errors import LoadError
from .reading import looks_binary
from .results import Failed, Parsed

Untyped: TypeAlias = Any
"""Objects of libraries that carry no types."""

MEGABYTE = 1 << 20


class Format(NamedTuple):
    """The parser of a type, and its limit.

    ``inline`` formats are read without a child process: their parsers are plain Python that goes over the text a fixed
    number of times, so nothing in a file can make them hang, crash or swell; all others run where they can be killed.
    """

    parser: str
    limit: int = 256 * MEGABYTE
    inline: bool = False

    @property
    def line(self) -> str:
        """One line on it: what the parser says, and its first suffixes."""
        suffixes = [suffix for suffix, kind in SUFFIXES.items() if format_of(kind) is self]
        shown = " ".join(suffixes[:_SHOWN]) + (" ..." if len(suffixes) > _SHOWN else "")
        said = (inspect.getdoc(_imported(self.parser)) or "").partition("\n")[0].partition("; raises")[0]
        return f"{said.rstrip('.')} ({shown})"


_TEXT = 64 * MEGABYTE
_SHOWN = 6

FORMATS: dict[str, Format] = {
    "csv": Format("tables:parse", _TEXT),
    "doc": Format("word97:parse"),
    "docx": Format("word:parse"),
    "eml": Format("mail:parse"),
    "mbox": Format("mail:parse_box"),
    "epub": Format("epub:parse"),
    "ipynb": Format("notebooks:parse", _TEXT),
    "json": Format("json_text:parse", _TEXT),
    "jsonl": Format("json_text:parse_lines", _TEXT),
    "msg": Format("outlook:parse"),
    "odp": Format("opendocument:parse"),
    "ods": Format("opendocument:parse"),
    "odt": Format("opendocument:parse"),
    "ppt": Format("slides97:parse"),
    "pptx": Format("slides:parse"),
    "rst": Format("restructured:parse", _TEXT, inline=True),
    "rtf": Format("rich_text:parse", _TEXT),
    "tex": Format("latex:parse", _TEXT),
    "text": Format("plain:parse_text", _TEXT, inline=True),
    "transcript": Format("transcripts:parse", _TEXT, inline=True),
    "tsv": Format("tables:parse", _TEXT),
    "xls": Format("sheets97:parse"),
    "xlsx": Format("sheets:parse"),
    "xml": Format("xml_files:parse", _TEXT),
    "zip": Format("archives:parse"),
    "code": Format("plain:parse_code", _TEXT, inline=True),
    "md": Format("markdown_text:parse", _TEXT, inline=True),
    "html": Format("html_pages:parse", _TEXT),
    "pdf": Format("pdf_pages:parse"),
    "picture": Format("pictures:parse"),
}

CODE = {
    ".bash": "shell", ".bat": "batch", ".c": "c", ".cc": "cpp", ".cfg": "ini", ".clj": "clojure", ".cmake": "cmake",
    ".cpp": "cpp", ".cs": "csharp", ".css": "css", ".cxx": "cpp", ".dart": "dart", ".el": "lisp", ".ex": "elixir",
    ".exs": "elixir", ".f90": "fortran", ".go": "go", ".gradle": "gradle", ".groovy": "groovy", ".h": "c",
    ".hpp": "cpp", ".hs": "haskell", ".ini": "ini", ".java": "java", ".jl": "julia", ".js": "javascript",
    ".jsx": "javascript", ".kt": "kotlin", ".lisp": "lisp", ".lua": "lua", ".m": "objective-c", ".mjs": "javascript",
    ".ml": "ocaml", ".mk": "make", ".php": "php", ".pl": "perl", ".pm": "perl", ".proto": "protobuf",
    ".ps1": "powershell", ".py": "python", ".pyi": "python", ".pyx": "python", ".r": "r", ".rb": "ruby", ".rs": "rust",
    ".scala": "scala", ".scss": "css", ".sh": "shell", ".sql": "sql", ".swift": "swift", ".tf": "terraform",
    ".toml": "toml", ".ts": "typescript", ".tsx": "typescript", ".vue": "vue", ".yaml": "yaml", ".yml": "yaml",
    ".zig": "zig", ".zsh": "shell",
}  # fmt: skip

SUFFIXES: dict[str, str] = {
    ".txt": "text", ".text": "text", ".log": "text", ".org": "text", ".adoc": "text", ".tex": "tex", ".ltx": "tex",
    ".vtt": "transcript", ".srt": "transcript",
    ".md": "md", ".markdown": "md", ".mdx": "md", ".mkd": "md", ".qmd": "md", ".rmd": "md",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".xht": "html", ".shtml": "html",
    ".rst": "rst", ".rest": "rst",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".json": "json", ".geojson": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".ipynb": "ipynb",
    ".xml": "xml", ".rss": "xml", ".atom": "xml",
    ".pdf": "pdf", ".docx": "docx", ".docm": "docx", ".dotx": "docx", ".pptx": "pptx", ".pptm": "pptx", ".ppsx": "pptx",
    ".xlsx": "xlsx", ".xlsm": "xlsx",
    ".odt": "odt", ".ott": "odt", ".ods": "ods", ".ots": "ods", ".odp": "odp", ".otp": "odp",
    ".odg": "odp", ".otg": "odp", ".fodt": "odt", ".fods": "ods", ".fodp": "odp", ".fodg": "odp",
    ".doc": "doc", ".dot": "doc", ".xls": "xls", ".xlt": "xls", ".ppt": "ppt", ".pps": "ppt", ".msg": "msg",
    ".rtf": "rtf", ".epub": "epub", ".eml": "eml", ".mbox": "mbox", ".zip": "zip",
    **CODE,
}  # fmt: skip

NAMES: dict[str, str] = {
    "makefile": "make", "dockerfile": "docker", "readme": "text", "license": "text", "licence": "text",
    "changelog": "text", "authors": "text", "contributing": "text", "notice": "text", "copying": "text",
}  # fmt: skip

_LANGUAGES = frozenset({*CODE.values(), *NAMES.values()})
_PLUGIN = Format("")

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
"""Read where the extra `ocr` is installed."""

UNREAD: dict[str, str] = {
    **dict.fromkeys(PICTURES, "a picture; pip install 'rag-workbench[ocr]' reads the text in pictures"),
    **dict.fromkeys((".heic", ".ico"), "an image"),
    **dict.fromkeys(
        (".mp3", ".wav", ".flac", ".ogg", ".m4a", ".mp4", ".mkv", ".mov", ".avi", ".webm"), "audio or video"
    ),
    **dict.fromkeys((".so", ".dll", ".dylib", ".exe", ".o", ".a", ".class", ".pyc", ".wasm", ".bin"), "a program"),
    **dict.fromkeys((".npy", ".npz", ".parquet", ".arrow", ".pt", ".onnx", ".safetensors", ".h5"), "numeric data"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle, which could run code when read"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".mdb"), "a database"),
    **dict.fromkeys((".gz", ".xz", ".bz2", ".zst", ".tar", ".tgz", ".7z", ".rar"), "an archive; only .zip is read"),
    **dict.fromkeys((".ttf", ".otf", ".woff", ".woff2", ".eot"), "a font"),
}


_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAMS = {
    "EncryptedPackage": "", "__properties_version1.0": "msg", "PowerPoint Document": "ppt", "WordDocument": "doc",
    "Workbook": "xls", "Book": "xls",
}  # fmt: skip
_OLD = frozenset({"doc", "xls", "ppt"})
_MAIN_PARTS = {b"word/document.xml": "docx", b"ppt/presentation.xml": "pptx", b"xl/workbook.xml": "xlsx"}
_TYPED_ZIP = re.compile(
    rb"mimetype.{0,200}?application/(?:vnd\.oasis\.opendocument\.)?(text|spreadsheet|presentation|graphics|epub)"
)
_TYPED = {b"text": "odt", b"spreadsheet": "ods", b"presentation": "odp", b"graphics": "odp", b"epub": "epub"}


@dataclass
class ParseContext:
    """Facts and limits that a parser may use besides the bytes.

    Attributes
    ----------
    name
        File name, for formats that tell by it.
    budget
        Shared by all members of a source.
    inline
        True in the loading process itself: leave what is not UTF-8 to a worker.
    depth, prefix
        Containers around this file, and their members' names on the way to it, each with a ``#`` after it.
    enter
        Called with a member's name before it is read; False means: leave it out (it failed in an earlier try).
    seconds
        Processor time that the whole source may take.
    """

    name: str
    type: str
    budget: SourceBudget = field(default_factory=SourceBudget)
    inline: bool = False
    depth: int = 0
    prefix: str = ""
    enter: Callable[[str], bool] = field(default=lambda _: True)
    seconds: float = 100.0

    @property
    def stem_title(self) -> str:
        """A title made of the file's name, for formats or files that carry none."""
        stem = PurePosixPath(self.name).stem
        return " ".join(stem.replace("_", " ").replace("-", " ").split())

    def inner(self, name: str, kind: str) -> ParseContext:
        """Return the context of a member."""
        return ParseContext(
            base_name(name),
            kind,
            self.budget,
            depth=self.depth + 1,
            prefix=f"{self.prefix}{name}#",
            enter=self.enter,
            seconds=self.seconds,
        )


Parser = Callable[[bytes, ParseContext], Iterator[Parsed | Failed]]


def kind_by_name(name: str) -> str | None:
    """Return the format of a file name, or None if it says nothing; other packages bring formats named by suffix.

    Raises
    ------
    LoadError
        With reason ``type`` for formats that are known and not read.
    """
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if known := SUFFIXES.get(suffix):
        return known
    if suffix[1:] in plugins("loader"):
        return suffix[1:]
    if suffix in PICTURES and find_spec("rapidocr") is not None:
        return "picture"
    if reason := UNREAD.get(suffix):
        raise LoadError("type", f"{suffix}: {reason}")
    return NAMES.get(path.stem.lower()) if len(suffix) < 2 else None


def kind_by_content(head: bytes) -> str:
    """Return the format that the first bytes show; raises LoadError for binary ones that are unknown."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        typed = _TYPED_ZIP.match(head[30:])
        return _TYPED[typed[1]] if typed else "zip"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(_COMPOUND):
        return "doc"  # or another of its kind: the whole file tells
    if b"\0" in head or looks_binary(head):
        raise LoadError("type", "a binary file of an unknown type")
    start = head.lstrip()[:200].lower()
    return "html" if start.startswith((b"<!doctype html", b"<html")) else "text"


def _compound_kind(data: bytes, kind: str) -> str:
    """Tell the formats of Office 97-2003 apart by the names of their streams."""
    for name, found in _STREAMS.items():
        if name.encode("utf-16-le") in data:
            if not found:
                raise LoadError("encrypted", "needs a password; save it without one and ingest that")
            return found
    if kind in _STREAMS.values():
        return kind
    raise LoadError("type", "a compound file that no program of Office made")


def base_name(path: str) -> str:
    """Return what follows the last slash."""
    return path.rpartition("/")[2]


def true_kind(data: bytes, kind: str) -> str:
    """Correct the type of a name if the bytes are plainly those of another type."""
    if data.startswith((b"%PDF-", b"{\\rtf")) and kind not in {"pdf", "rtf"}:
        return kind_by_content(data[:4096])
    if data.startswith(_COMPOUND):
        return _compound_kind(data, kind)
    if data.startswith(b"PK\x03\x04") and (kind in _OLD or format_of(kind).inline):
        return next((found for part, found in _MAIN_PARTS.items() if part in data), kind_by_content(data[:4096]))
    if kind in _OLD:  # programs save web pages and tables of text by these names
        found = "xml" if data.lstrip()[:5] == b"<?xml" else kind_by_content(data[:4096])
        return "csv" if kind == "xls" and found == "text" else found
    return kind


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Parse bytes of ``context.type``; raises LoadError and whatever the format's library raises."""
    from .accounting import accounted

    kind = format_of(context.type)
    parser = load_plugin("loader", context.type) if kind is _PLUGIN else _imported(kind.parser)
    return accounted(data, context.type, parser(data, context))


def format_of(kind: str) -> Format:
    """Return the row of a type: languages share one, and so do the types of other packages."""
    if kind in FORMATS:
        return FORMATS[kind]
    return _PLUGIN if kind not in _LANGUAGES and kind in plugins("loader") else FORMATS["code"]


def _imported(parser: str) -> Parser:
    module, function = parser.split(":")
    return cast("Parser", getattr(importlib.import_module(f".{module}", __package__), function))
