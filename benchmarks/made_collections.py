"""Collections for questions of other kinds, in BEIR form: code, identifiers, FAQ pairs, headings.

    python benchmarks/made_collections.py OUT --peps peps.tar.xz --fastapi fastapi_docs

``code``: functions of Python's standard library, asked by the first sentence of their docstrings, which are taken out.
``identifiers``: sections of PEPs, asked by a name in double backquotes that no other section holds. ``faq``: sections
of PEPs and of FastAPI's documentation whose heading is a question, asked by it, among as many other sections.
``headings_es``, ``headings_ja``: sections of FastAPI's documentation, asked by their headings, which are taken out.
``crossed_es``, ``crossed_ja``: sections of its English documentation, asked by the headings of their translations where
these differ, and (every second) by the first sentence of the translation.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path

Documents = dict[str, str]
Pairs = list[tuple[str, str]]
QUESTIONS = 600
_UNDERLINE = re.compile(r"([=\-~^\"'`*+#])\1{2,}$")
_HEADING = re.compile(r"^#{1,4}[ \t]+(.*?)[ \t]*\{[ \t]*(#[\w-]+)[ \t]*\}$", re.MULTILINE)
_SENTENCE = re.compile(r".{30,200}?[.:。](?=\s|$)")
_NAME = re.compile(r"``([A-Za-z_][\w.]*[_.][\w.]*\w)(?:\(\))?``")


def write(folder: Path, documents: Documents, pairs: Pairs) -> None:
    """Write documents and (question, id of its document) as a BEIR folder."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    random.Random(7).shuffle(pairs)
    rows = [{"_id": name, "title": "", "text": text} for name, text in documents.items()]
    asked = [{"_id": f"q{n}", "text": question} for n, (question, _) in enumerate(pairs[:QUESTIONS])]
    for name, lines in (("corpus", rows), ("queries", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    judged = [f"q{n}\t{name}\t1\n" for n, (_, name) in enumerate(pairs[:QUESTIONS])]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged))
    print(f"{folder.name}: {len(documents)} documents, {len(asked)} questions")


def functions() -> Iterator[tuple[str, str, str]]:
    """Yield name, body and the first sentence of the docstring of functions of the standard library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for file in sorted([*library.glob("*.py"), *library.glob("[a-z]*/*.py")]):
        if "test" in str(file.relative_to(library)) or "site-packages" in str(file):
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            first = re.split(r"(?<=[.])\s|\n\n", (ast.get_docstring(node) or "").strip())[0].replace("\n", " ")
            end, docstring = node.end_lineno or node.lineno, node.body[0]
            if end - node.lineno >= 6 and len(first.split()) >= 5:
                body = [*lines[node.lineno - 1 : docstring.lineno - 1], *lines[docstring.end_lineno or 0 : end]]
                yield f"{file.relative_to(library)}:{node.lineno}", "\n".join(body), first


def rest_sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield heading and body of the sections of reStructuredText."""
    heading, body, lines = "", [], text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if _UNDERLINE.match(line.strip()):
            continue
        if line.strip() and _UNDERLINE.match(following.strip()) and len(following.strip()) >= len(line.strip()) - 1:
            yield heading, "\n".join(body).strip()
            heading, body = line.strip(), []
        else:
            body.append(line)
    yield heading, "\n".join(body).strip()


def markdown_sections(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield id, heading and body of the sections of Markdown files."""
    for file in sorted(folder.rglob("*.md")):
        parts = re.split(r"^#{1,4}[ \t]+(.*)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for n, (heading, body) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
            yield f"{file.relative_to(folder)}#{n}", re.sub(r"\s*\{.*\}$|[`*]", "", heading).strip(), body.strip()


def anchored(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield file and anchor, heading and body of the sections of a documentation; anchors are never translated."""
    for file in sorted(folder.rglob("*.md")):
        if file.name != "release-notes.md":
            parts = _HEADING.split(re.sub(r"`{3}.*?`{3}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL))
            for heading, anchor, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
                yield f"{file.relative_to(folder)}{anchor}", re.sub(r"[`*]", "", heading), body.strip()


def crossed(english: Path, other: Path) -> tuple[Documents, Pairs]:
    """Return English sections, and questions from their translations."""
    there = {name: (heading, body) for name, heading, body in anchored(english) if len(body) >= 100}
    pairs = []
    for n, (name, heading, body) in enumerate(row for row in anchored(other) if row[0] in there):
        first = _SENTENCE.match(re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", body)) if n % 2 else None
        if heading != there[name][0]:
            pairs.append((first[0] if first else heading, name))
    return {name: body for name, (_, body) in there.items()}, pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--peps", type=Path, required=True)
    parser.add_argument("--fastapi", type=Path, required=True)
    args = parser.parse_args()

    found = random.Random(7).sample(list(functions()), 1200)
    write(args.out / "code", {name: body for name, body, _ in found}, [(first, name) for name, _, first in found])

    sections: dict[str, tuple[str, str]] = {}
    with tarfile.open(args.peps) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith((".rst", ".txt")):
                text = archive.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
                sections |= {f"{member.name}#{n}": pair for n, pair in enumerate(rest_sections(text))}
    plain = {name: body for name, (heading, body) in sections.items() if heading and 200 < len(body) < 4000}
    kept = {name: plain[name] for name in random.Random(7).sample(sorted(plain), 1500)}
    names = {name: set(_NAME.findall(body)) for name, body in kept.items()}
    once = [(term, name) for name, terms in names.items() for term in sorted(terms) if _held(term, kept) == 1]
    write(args.out / "identifiers", kept, once)

    english = {name: (heading, body) for name, heading, body in markdown_sections(args.fastapi / "en")}
    asked = {k: v for k, v in (sections | english).items() if v[0].endswith("?") and 80 <= len(v[1]) <= 6000}
    others = random.Random(7).sample(sorted(plain.keys() - asked.keys()), len(asked))
    bodies = {name: body for name, (_, body) in asked.items()} | {name: plain[name] for name in others}
    write(args.out / "faq", bodies, [(heading, name) for name, (heading, _) in asked.items()])

    for code in ("es", "ja"):
        parts = [row for row in markdown_sections(args.fastapi / code) if len(row[2]) >= 100]
        pairs = [(heading, name) for name, heading, _ in parts]
        write(args.out / f"headings_{code}", {name: body for name, _, body in parts}, pairs)
        write(args.out / f"crossed_{code}", *crossed(args.fastapi / "en", args.fastapi / code))


def _held(term: str, documents: Documents) -> int:
    return sum(term in body for body in documents.values())


if __name__ == "__main__":
    main()
