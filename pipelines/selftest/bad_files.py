"""Ingest good files among mutated and hostile ones: the good ones go in, each bad one is listed or read."""

from __future__ import annotations

import email.message
import io
import json
import random
import zipfile
from pathlib import Path

from rag.loaders import load
from rag.loaders.results import LoadFailure

from .corpus import text_of
from .tally import Tally

_SEED = 5
_GOOD, _BAD = 40, 120
_ENDINGS = ("md", "html", "json", "jsonl", "csv", "eml", "docx", "epub", "zip", "pdf")


def check(place: Path, tally: Tally) -> None:
    folder = place / "files"
    folder.mkdir()
    dice = random.Random(_SEED)
    for n in range(_GOOD):
        (folder / f"good{n:03}.{_ENDINGS[n % 9]}").write_bytes(_file(_ENDINGS[n % 9], text_of(n)))
    alone = _loaded(folder)[0]
    for n in range(_BAD):
        ending = _ENDINGS[n % len(_ENDINGS)]
        data = bytearray(_file(ending, text_of(1000 + n)))
        for _ in range(dice.randint(1, 8)):
            at = dice.randrange(len(data))
            data[at : at + dice.choice((0, 1, 20))] = dice.randbytes(dice.choice((1, 4)))
        (folder / f"bad{n:03}.{ending}").write_bytes(data[: dice.randint(1, len(data))] if n % 3 == 0 else data)
    _hostile(folder)
    found, failures = _loaded(folder)
    for source, texts in alone.items():
        tally.expect(found.get(source) == texts, f"{source} is read otherwise among bad files")
    told = {failure.source.partition("#")[0] for failure in failures} | {source.partition("#")[0] for source in found}
    for path in sorted(folder.iterdir()):
        tally.expect(any(str(path) == source or source.endswith(path.name) for source in told), f"{path.name}: no word")
    tally.facts |= {"refused by name": len(failures)}


def _loaded(folder: Path) -> tuple[dict[str, list[str]], list[LoadFailure]]:
    failures: list[LoadFailure] = []
    found: dict[str, list[str]] = {}
    for document in load(folder, failures=failures):
        found.setdefault(document.source, []).append(document.text)
    return found, failures


def _file(ending: str, text: str) -> bytes:
    """Return a small file of a format."""
    if ending in {"docx", "epub", "zip"}:
        return _zipped(ending, text)
    if ending == "eml":
        mail = email.message.EmailMessage()
        mail["Subject"], mail["From"] = "Boats", "ada@example.org"
        mail.set_content(text)
        return mail.as_bytes()
    made = {
        "md": f"# Boats\n\n{text}\n",
        "html": f"<html><body><h1>Boats</h1><p>{text}</p></body></html>",
        "json": json.dumps({"text": text}),
        "jsonl": json.dumps({"text": text}) + "\n",
        "csv": f"boat,notes\nbarge,{text}\n",
        "pdf": f"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n({text})\ntrailer<</Root 1 0 R>>\n%%EOF",
    }
    return made[ending].encode()


def _zipped(ending: str, text: str) -> bytes:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    members = {
        "docx": {
            "[Content_Types].xml": "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>",
            "word/document.xml": f"<w:document xmlns:w='{word}'><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
            "</w:body></w:document>",
        },
        "epub": {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": "<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>"
            "<rootfile full-path='c.opf'/></rootfiles></container>",
            "c.opf": "<package xmlns='http://www.idpf.org/2007/opf'><manifest><item id='a' href='a.xhtml' "
            "media-type='application/xhtml+xml'/></manifest><spine><itemref idref='a'/></spine></package>",
            "a.xhtml": f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>{text}</p></body></html>",
        },
        "zip": {"note.txt": text, "inner/other.md": "# Other\n\nA second one.\n"},
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members[ending].items():
            file.writestr(name, content)
    return made.getvalue()


def _hostile(folder: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    (folder / "laughs.xml").write_text(f"<!DOCTYPE a [{entities}]><a>&e11;</a>")
    (folder / "outside.xml").write_text('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>')
    (folder / "deep.json").write_text("[" * 200_000)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", b"\0" * 300_000_000)
