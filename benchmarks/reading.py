"""Words that readers recover from files, by format, against readers that no one here wrote, and documents a second.

    python benchmarks/reading.py FOLDER [--formats docx,pptx] [--reader NAME=PYTHON ...] [--json FILE] [--worst]

FOLDER holds documents; `ours` is always measured. Each other reader is named with the Python that has its package,
``--reader kreuzberg=/tmp/kreuzberg/bin/python``; the names are those of `readers.READERS`.

References are programs: LibreOffice (what it would show or print), pandoc, poppler's pdftotext, and for CSV, which is
nothing but its words, charset-normalizer. Install them by

    apt-get install libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui pandoc poppler-utils

recall
    share of the words that every reference sees which the reader gives too
accounted
    recall, where words that ours leaves out for a reason that its account names, as menus, count as recovered
precision
    share of the reader's words that any reference sees, LibreOffice's printed pages among them
order
    of the words that reader and reference both have once: the share in the longest run that has one order

Words are multisets of letters and digits, case folded, NFKC; characters of languages without spaces are words, and
1,234 is 1234. Our rows repeat the names of columns (``Tool: Saw | Weight: 9``): each name counts once a table. Figures
are means over files, so a book counts as much as a letter. A file that a reader refuses counts with recall 0, and not
in its precision and order. Files in which no reference sees a word, as scans, are left out and counted, and so are
pages that ours reads by OCR: no reference can tell whether they are right. References are kept in ``--cache`` and not
made again.

Some differences from pdftotext are intended and count against ours: running headers and footers once a document, values
of form fields, notes on pages, words joined over line ends that it parts, and letters that it parts on bad scans.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import functools
import hashlib
import json
import operator
import os
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

_SECONDS = 60
_EVERY_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
_PANDOC = {"docx": "docx", "odt": "odt", "epub": "epub", "html": "html", "htm": "html", "md": "gfm", "rst": "rst",
           "org": "org", "ipynb": "ipynb", "rtf": "rtf"}  # fmt: skip
_WRITER = {"docx", "odt", "doc", "rtf"}
_SHEETS = {"xlsx", "xls", "ods"}
_SLIDES = {"pptx", "ppt", "odp"}
_TEXT = {"csv", "tsv"}
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|[^\W_\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]+")

_THOUSANDS = re.compile(r"(?<=\d)[,'’](?=\d{3}(?!\d))")


def words(text: str) -> list[str]:
    return _WORD.findall(_THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold()))


def _run(*command: str, cwd: str | None = None) -> str:
    return subprocess.run(
        command, cwd=cwd, check=True, timeout=180, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.decode("utf-8", "replace")


def _office(path: Path, target: str) -> list[Path]:
    """Convert by LibreOffice into a folder of its own; returns the files made."""
    folder = Path(tempfile.mkdtemp())
    profile = f"-env:UserInstallation=file://{tempfile.gettempdir()}/reading-profile"
    _run("soffice", profile, "--headless", "--convert-to", target, "--outdir", str(folder), str(path.resolve()))
    made = sorted(folder.iterdir())
    if not made:
        raise ValueError("LibreOffice made nothing")
    return made


def _sheet_text(path: Path, stem: str) -> str:
    """Return a sheet with its name, which LibreOffice puts into the file's."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = [" ".join(row) for row in csv.reader(file) if any(row)]
    return "\n".join([path.stem.removeprefix(f"{stem}-"), *rows]) if rows else ""


def libreoffice(path: Path) -> str:
    kind = path.suffix[1:].lower()
    if kind in _WRITER:
        return "\n".join(p.read_text("utf-8", "replace") for p in _office(path, "txt:Text (encoded):UTF8"))
    if kind in _SHEETS:
        return "\n".join(_sheet_text(p, path.stem) for p in _office(path, _EVERY_SHEET))
    return "\n".join(_run("pdftotext", str(p), "-") for p in _office(path, "pdf"))


def printed(path: Path) -> str:
    """Return what is printed: page headers, text boxes, charts by LibreOffice, values of a PDF's forms by poppler."""
    if path.suffix.lower() == ".pdf":
        with tempfile.TemporaryDirectory() as folder:
            _run("pdftocairo", "-pdf", str(path), f"{folder}/printed.pdf")
            return _run("pdftotext", f"{folder}/printed.pdf", "-")
    return "\n".join(_run("pdftotext", str(p), "-") for p in _office(path, "pdf"))


def pandoc(path: Path) -> str:
    kind = _PANDOC[path.suffix[1:].lower()]
    data = path.read_bytes()
    if data[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        return _run("pandoc", "-f", kind, "-t", "plain", "--wrap=none", str(path))
    with tempfile.NamedTemporaryFile(suffix=path.suffix) as file:  # pandoc reads UTF-8 alone
        file.write(data.decode("utf-16").encode())
        file.flush()
        return _run("pandoc", "-f", kind, "-t", "plain", "--wrap=none", file.name)


def pdftotext(path: Path) -> str:
    return _run("pdftotext", str(path), "-")


def charset_normalizer(path: Path) -> str:
    """CSV has no markup: its words are the file's."""
    from charset_normalizer import from_path

    return str(from_path(path).best() or "")


_REFERENCES = (
    (libreoffice, _WRITER | _SHEETS | _SLIDES),
    (printed, _WRITER | _SHEETS | {"pdf"}),
    (pandoc, set(_PANDOC)),
    (pdftotext, {"pdf"}),
    (charset_normalizer, _TEXT),
)


def references(path: Path, cache: Path) -> dict[str, str]:
    """Return what the outside readers see, by their names."""
    kind = path.suffix[1:].lower()
    makers = [maker for maker, kinds in _REFERENCES if kind in kinds]
    found = {}
    for maker in makers:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:24]
        kept = cache / f"{maker.__name__}-{digest}-{kind}.txt"
        if not kept.exists():
            try:
                kept.write_text(maker(path), "utf-8", "replace")
            except (subprocess.SubprocessError, ValueError, OSError):
                kept.write_text("")
        if words(text := kept.read_text("utf-8")):  # pdftotext gives form feeds for scans
            found[maker.__name__] = text
    return found


def order(ours: list[str], theirs: list[str]) -> float:
    """Return the share of words, among those that occur once in both texts, that are in the same order."""
    once = {word for word, n in Counter(theirs).items() if n == 1} & {w for w, n in Counter(ours).items() if n == 1}
    if len(once) < 2:
        return 1.0
    place = {word: i for i, word in enumerate(theirs) if word in once}
    tails: list[int] = []
    for at in (place[word] for word in ours if word in once):
        i = bisect.bisect_left(tails, at)
        tails[i : i + 1] = [at]
    return len(tails) / len(once)


def score(text: str, seen: dict[str, str], left_out: str = "") -> dict[str, float]:
    given = words(text)
    count = Counter(given)
    lists = {name: words(reference) for name, reference in seen.items()}
    counts = {name: Counter(each) for name, each in lists.items()}
    union = functools.reduce(operator.or_, counts.values())
    written = [each for name, each in counts.items() if name != "printed"] or [union]
    common = functools.reduce(operator.and_, written)
    held, any_of = (common & count).total(), (union & count).total()
    accounted = (common & (count + Counter(words(left_out)))).total()
    return {
        "recall": held / common.total() if common else 1.0,
        "accounted": accounted / common.total() if common else 1.0,
        "precision": any_of / len(given) if given else 1.0,
        "order": max(order(given, each) for each in lists.values()),
        "missed": common.total() - held,
        "added": len(given) - any_of,
    }


def read_all(name: str, python: str, paths: list[Path]) -> Iterator[dict[str, object]]:
    """Run a reader over files in one process, started anew after a file that takes longer than a minute or kills it."""
    script = str(Path(__file__).with_name("readers.py"))
    if name == "ours":  # guards itself; all files at once, as `rag ingest` does it
        lines = "".join(f"{path}\n" for path in paths)
        done = subprocess.run([python, script, name], input=lines.encode(), capture_output=True, check=True)
        yield from map(json.loads, done.stdout.splitlines())
        return
    child = None
    for path in paths:
        if child is None or child.poll() is not None:
            child = subprocess.Popen([python, script, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "2"})  # fmt: skip
        assert child.stdin
        assert child.stdout
        try:
            child.stdin.write(f"{path}\n".encode())
            child.stdin.flush()
            ready, _, _ = select.select([child.stdout], [], [], _SECONDS)
            line = child.stdout.readline() if ready else b""
        except BrokenPipeError:
            line = b""
        if line:
            yield json.loads(line)
        else:
            child.kill()
            child.wait()
            child = None
            yield {"path": str(path), "error": "crash or more than a minute", "seconds": float(_SECONDS)}
    if child is not None:
        child.kill()
        child.wait()


def _documents(folder: Path, formats: set[str]) -> dict[str, list[Path]]:
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        kind = {"htm": "html"}.get(path.suffix[1:].lower(), path.suffix[1:].lower())
        known = {*_PANDOC, *_WRITER, *_SHEETS, *_SLIDES, *_TEXT, "pdf"}
        if path.is_file() and kind in known and path.stat().st_size and (not formats or kind in formats):
            kinds[kind].append(path)
    return kinds


def _row(results: list[dict[str, object]], seen: dict[str, dict[str, str]]) -> dict[str, object]:
    scores = [
        {**score(str(r.get("text", "")), seen[str(r["path"])], str(r.get("left_out", ""))), "path": r["path"],
         "refused": "error" in r} for r in results
    ]  # fmt: skip
    read = [s for s in scores if not s["refused"]]
    refused = len(scores) - len(read)
    mean = {key: statistics.fmean(s[key] for s in read) if read else 0.0 for key in ("precision", "order")}
    mean |= {key: statistics.fmean(s[key] for s in scores) for key in ("recall", "accounted")}
    seconds = sum(float(str(result["seconds"])) for result in results)
    return {**mean, "refused": refused, "documents_a_second": len(results) / seconds, "files": scores,
            "errors": {r["path"]: r["error"] for r in results if "error" in r}}  # fmt: skip


def measure(kinds: dict[str, list[Path]], readers: dict[str, str], cache: Path) -> dict[str, object]:
    table: dict[str, object] = {}
    for kind, paths in kinds.items():
        seen = {str(path): references(path, cache) for path in paths}
        usable = [path for path in paths if seen[str(path)]]
        if not usable:
            continue
        rows = {}
        for name, python in readers.items():
            warm = [] if name == "ours" else usable[:1]  # the first answer pays the imports
            rows[name] = _row(list(read_all(name, python, [*warm, *usable]))[len(warm) :], seen)
        table[kind] = {"files": len(usable), "unreadable": len(paths) - len(usable), "readers": rows}
    return table


def show(table: dict[str, object], worst: bool) -> None:
    print(f"{'format':7}{'files':>6}  {'reader':13}  recall accounted precision  order refused  docs/s")
    for kind, result in table.items():
        for name, row in result["readers"].items():
            figures = f"{row['recall']:8.3f}{row['accounted']:10.3f}{row['precision']:10.3f}{row['order']:7.3f}"
            print(f"{kind:7}{result['files']:6}  {name:13}{figures}{row['refused']:8}{row['documents_a_second']:8.1f}")
            for s in sorted(row["files"], key=lambda s: s["recall"] + s["precision"])[: 8 * (worst and name == "ours")]:
                figures = f"{s['recall']:.3f} {s['precision']:.3f} {s['order']:.3f} -{s['missed']} +{s['added']}"
                print(f"        {figures} {Path(s['path']).name} {row['errors'].get(s['path'], '')}")


def _readers(given: Iterable[str]) -> dict[str, str]:
    return {"ours": sys.executable, **dict(item.split("=", 1) for item in given)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--formats", default="")
    parser.add_argument("--reader", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "reading-references")
    parser.add_argument("--worst", action="store_true", help="name the files that ours reads worst")
    args = parser.parse_args()
    if missing := [tool for tool in ("soffice", "pandoc", "pdftotext") if not shutil.which(tool)]:
        parser.error(f"not installed: {', '.join(missing)}")
    args.cache.mkdir(exist_ok=True)
    kinds = _documents(args.folder, set(filter(None, args.formats.split(","))))
    table = measure(kinds, _readers(args.reader), args.cache)
    show(table, args.worst)
    if args.json:
        args.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
