"""Clear questions after a talk about something else: how many are searched as asked, and what the others lose.

    python benchmarks/topic_changes.py --shared DATA [--half development|report] [--embedder NAME] [--show] [--json]

200 changes of topic. 100 questions were written for this project's documentation and FastAPI's, full of what misleads:
"there" and "it" that refer to nothing, hardly two words of their own, names, numbers. 100 are questions of SQuAD, drawn
by chance from those whose paragraph the plain search finds among the first five: short ones, and ones with such words.
Before each come one to three questions on another topic. A question is left alone if it is searched as asked and as
nothing else; its place is kept if the first five passages are those of the question asked alone.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from machine import machine

from rag import Bot, KnowledgeBase, Message, Query, Retriever, load
from rag.documents.document import Document

ROOT = Path(__file__).resolve().parents[1]
SEED = 13

PROJECT_TALKS = [
    ["How is the hnsw index built and what does M mean?"],
    ["How are answers cited?", "What is a quote?"],
    ["How do I install it?", "Which Python versions work?", "And on Windows?"],
    ["Which rerankers are there?", "How slow is a cross-encoder?"],
    ["How do I benchmark an index?", "What is recall?"],
]
PROJECT = """
How do I delete a document for good?|How do I delete documents?|Which file formats are read?
Is there a way to filter by date?|What does exit code 8 mean?|Where are embeddings stored?|How do I use Ollama?
What happens when two processes write?|Who may read the memories?|What is a chunk?|What does purge do?
Which error is raised when the prompt is too long?|Are there any caps on cost?|What is the default chunker?
How are answers checked?|Is it possible to plug in my own embedder?|What is MMR?|How does RM3 work?
What does --prune remove?|Is there a limit on the size of archives?|How do I recover a damaged store?
What is a knowledge base?|How do I tune the retriever?|When is a file parsed again?|What does the deadline cover?
Can I use a model that runs on my machine?|What is the difference between flat and ivf?|How are typing errors corrected?
How long does it take to ingest a million chunks?|What does granularity mean?|How do I evaluate answers?
Which metrics are there?|How do I write an experiment?|What is nDCG?|Does it matter which chunker I choose?
How do I compare two runs?|What is an extra?|How can passages be filtered by page?|What is calibration?
Are there notebooks?|Is it safe to run rag in two terminals?|How do I forget a user?|Which languages are supported?
Where is the configuration file?|What does rag doctor check?|How many tokens may a chunk have?|What is HyDE?
How do I cite the page of a PDF?|Which licence does the project have?|How is BM25 computed?
"""
FASTAPI_TALKS = [
    ["How do I declare query parameters?"],
    ["How do I deploy with Docker?", "Which base image should I take?"],
    ["What is CORS?", "How do I allow all origins?", "And the headers?"],
    ["How do I test an application?", "What is TestClient?"],
    ["How do WebSockets work?"],
]
FASTAPI = """
What is OAuth2?|How do I hash passwords?|Is there a way to return XML?|How do I upload files?|What is a dependency?
Where does the name FastAPI come from?|Are there alternatives to Uvicorn?|What is Pydantic?|How do I mount static files?
Is it possible to hide a parameter from the docs?|What does response_model do?|How do I raise an HTTPException?
How do I set cookies?|What is a path operation?|Which status code means created?|How do I run background tasks?
What is the difference between def and async def?|Can I use SQL databases?|Is it necessary to use type hints?
How do I set the title of the API?|What does lifespan do?|How do I read settings from the environment?
What is ASGI?|How are errors validated?|Does it help to use several workers?|What is a JWT?|How do I declare headers?
How do I use templates?|What does Body embed do?|Who uses FastAPI?|How is data converted?|What is middleware?
How do I split an app into several files?|What is a sub-application?|How do I stream a response?|How do I use GraphQL?
Are there limits on the size of a form?|What does jsonable_encoder do?|How do I update a part of an item?
What is Starlette?|How do I write a custom response class?|How can I generate clients?|What does a callback do?
Which Python types are supported?|How do I add tags?|What is a request body?|How do I debug in VS Code?
Is there support for HTTPS?|What does a root path do?|How do I override dependencies in tests?
"""
TRAIT = re.compile(r"\b(?:there|it|its|they|their|this|that|these|other|another|one|both|same)\b", re.IGNORECASE)


def asked(block: str) -> list[str]:
    return [question for line in block.split("\n") for question in line.split("|") if question]


def written(questions: str, talks: Sequence[list[str]]) -> list[tuple[str, list[str]]]:
    return [(question, talks[number % len(talks)]) for number, question in enumerate(asked(questions))]


def squad(folder: Path, kb: KnowledgeBase) -> list[tuple[str, list[str]]]:
    """Draw 100 questions that the plain search answers, half of them with words that mislead, and talks before them."""
    lines = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    paragraph = dict(line.split("\t")[:2] for line in lines)
    rows = [json.loads(line) for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    rng = random.Random(SEED)
    rng.shuffle(rows)
    article = {row["_id"]: paragraph[row["_id"]].rpartition("_")[0] for row in rows}
    plain = Retriever(kb, rewrite="none")
    found: dict[bool, list[tuple[str, list[str]]]] = {True: [], False: []}
    for at, row in enumerate(rows):
        text, kind = row["text"], bool(TRAIT.search(row["text"]))
        if len(found[kind]) >= 50 or (not kind and len(text.split()) > 7):
            continue
        if paragraph[row["_id"]] in [p.document for p in plain.search(text, 5).passages]:
            others = [r["text"] for r in rows[at + 1 : at + 200] if article[r["_id"]] != article[row["_id"]]]
            found[kind].append((text, others[: rng.randint(1, 3)]))
        if all(len(each) >= 50 for each in found.values()):
            break
    return [*found[True], *found[False]]


def fate(kb: KnowledgeBase, changes: Sequence[tuple[str, list[str]]]) -> Iterator[dict]:
    auto = Retriever(kb, rewrite="auto")
    bot = Bot(auto)
    for question, talk in changes:
        now, alone = auto.search(Query(question, tuple(talk)), 5), auto.search(question, 5)
        first = [[passage.chunk for passage in found.passages] for found in (now, alone)]
        messages = [m for text in talk for m in (Message("user", text), Message("assistant", "So it is written."))]
        answers = bot.ask(question, history=messages), bot.ask(question)
        yield {
            "question": question,
            "talk": talk,
            "searched": now.question,
            "alone": now.question == alone.question and first[0] == first[1],
            "kept": first[0] == first[1],
            "lost": answers[0].abstained and not answers[1].abstained,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with squad/ and fastapi_docs/")
    parser.add_argument("--half", choices=["development", "report"], default="development")
    parser.add_argument("--embedder", default=None)
    parser.add_argument("--show", action="store_true", help="show the questions that are not left alone")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result: dict = {"half": args.half}
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        corpora = {
            "project": load(ROOT / "docs", ROOT / "README.md"),
            "fastapi": load(args.shared / "fastapi_docs" / "en"),
            "squad": (
                Document.from_text(row["text"], id=row["_id"], title=row["title"])
                for row in map(json.loads, (args.shared / "squad/v1/corpus.jsonl").read_text("utf-8").splitlines())
            ),
        }
        for name, documents in corpora.items():
            given = {"embedder": args.embedder} if args.embedder else {}
            with KnowledgeBase.create(Path(folder) / name, **given) as kb:
                kb.add(documents)
                if name == "squad":
                    changes = squad(args.shared / "squad/v1", kb)
                else:
                    changes = written(*{"project": (PROJECT, PROJECT_TALKS), "fastapi": (FASTAPI, FASTAPI_TALKS)}[name])
                half = changes[args.half == "report" :: 2]
                own = list(fate(kb, half))
            rows += own
            result[name] = {"n": len(own), **{k: sum(row[k] for row in own) for k in ("alone", "kept", "lost")}}
            print(name, result[name], flush=True)
            for row in own if args.show else ():
                if not row["alone"] or row["lost"]:
                    print("   ", row)
    result["all"] = {"n": len(rows), **{k: sum(row[k] for row in rows) for k in ("alone", "kept", "lost")}}
    print("all", result["all"])
    if args.json:
        print(json.dumps({**result, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
