"""Hand over a secret key and provoke errors: it is printed nowhere."""

from __future__ import annotations

import contextlib
import io
import logging
import traceback
from pathlib import Path

from rag.bot import Bot
from rag.documents.document import Document
from rag.errors import ExtraMissing
from rag.knowledge_base import KnowledgeBase
from rag.llm.models import language_model
from rag.retrieval.config import PipelineConfig

from .corpus import E
from .tally import Tally

_KEY = "sk-canary-4711-0815-do-not-print"


def check(place: Path, tally: Tally) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        model = language_model("openai:x", base_url="http://127.0.0.1:9", api_key=_KEY)
    except ExtraMissing as error:
        tally.facts |= {"skipped": str(error)}
        return
    with KnowledgeBase.create(place / "kb", embedder=E) as kb, contextlib.redirect_stderr(log):
        kb.add([Document.from_text("The ferry leaves at noon.", id="ferry")])
        bot = Bot(kb, model, deadline=5.0)
        said = [repr(model), str(model), repr(bot), repr(bot.config)]
        for question in ("When does the ferry leave?", "x", "\ud800"):
            try:
                said.append(repr(bot.ask(question)))
            except Exception:
                said.append(traceback.format_exc())
        try:
            language_model("openai:x", base_url=f"http://user:{_KEY}@127.0.0.1:9", api_key=_KEY).complete([])
        except Exception as error:
            said.append(str(error))
        PipelineConfig(model="openai:x", base_url="http://127.0.0.1:9").dump(place / "pipeline.toml")
    for text in (*said, log.getvalue()):
        tally.expect(_KEY not in text, f"the key is in: {text[:200]}")
    for file in place.rglob("*"):
        if file.is_file():
            tally.expect(_KEY.encode() not in file.read_bytes(), f"the key is in {file.name}")
            open_to_others = file.parent != place and file.stat().st_mode & 0o077
            tally.expect(not open_to_others, f"others can read {file.name}")
