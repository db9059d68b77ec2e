"""The bot under load: the pipeline that `rag ask` runs serves questions by an open loop, while documents change."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.bot import Bot
from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import PipelineConfig

from .load import PATIENCE, Load, LoadStep, load_figures, written
from .open_loop import Clock, Served, arrivals, serve

FILE = "load.json"
SPEC = "rag ask"
"""Name of the bot among the configurations."""

ADDED = "load-"
"""How the ids of added documents begin."""

_ADDED_AT_MOST = 100
_BURST = 10_000

Tell = Callable[[str], None]


@dataclass(frozen=True)
class BotLoad:
    """How the bot bears a load.

    Attributes
    ----------
    questions
        What was asked, in words.
    pipeline
        Digest and fields of the pipeline value.
    figures
        Like ``load`` of a row, without recall.
    """

    questions: str
    pipeline: dict[str, Any]
    figures: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write them beside the results."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, allow_nan=False), encoding="utf-8")

    @property
    def row(self) -> dict[str, Any]:
        """As a row, for tables and charts."""
        return {"spec": SPEC, "load": self.figures}


def load_saved(folder: Path) -> BotLoad | None:
    """Return what was saved in a folder of results, if anything."""
    path = folder / FILE
    if folder.is_file() or not path.is_file():
        return None
    return BotLoad(**json.loads(path.read_text(encoding="utf-8")))


def bot_under_load(
    path: Path,
    questions: Sequence[str],
    name: str,
    *,
    config: PipelineConfig,
    load: Load,
    scratch: Path,
    seed: int = 0,
    clock: Clock | None = None,
    tell: Tell = lambda _: None,
) -> BotLoad:
    """Let the bot answer questions that arrive at rising rates.

    Parameters
    ----------
    path
        The knowledge base. It is not changed: with writes, a copy of it is.
    questions
        To draw from.
    name
        What they are, in words.
    config
        The pipeline value.
    load
        Rates, length and threads; ``writes`` is the share of the requests that add a document or replace one.
    scratch
        Folder for the copy.
    seed
        Of arrivals and draws.
    clock
        None for the time of this machine.
    tell
        Told what is being done.
    """
    steps: list[LoadStep] = []
    for writes in load.kinds:
        with ExitStack() as stack:
            place = stack.enter_context(_copied(path, scratch)) if writes else path
            bot = stack.enter_context(Bot(stack.enter_context(KnowledgeBase.open(place)), config=config))
            # As in real use, one object answers and another one writes.
            writer = stack.enter_context(KnowledgeBase.open(place, mode="w")) if writes else None
            requests = _Requests(bot, writer, questions, writes)
            requests.ask(questions[0])  # loads models, outside of the time
            tell(f"asking the bot all at once{_with(writes)}")
            burst = requests.step(load, None, np.random.default_rng([seed, 0]), clock)
            steps.append(burst)
            for number, rate in enumerate(load.rates_for(burst.served.per_second), 1):
                tell(f"asking the bot {written(rate)} times a second{_with(writes)}")
                steps.append(requests.step(load, rate, np.random.default_rng([seed, number]), clock))
    return BotLoad(name, config.form(), load_figures(load, steps))


def _with(writes: float) -> str:
    return f", {writes:.0%} writes" if writes else ""


@contextmanager
def _copied(path: Path, scratch: Path) -> Iterator[Path]:
    """Copy a knowledge base, to be changed and thrown away."""
    with TemporaryDirectory(prefix=".load-", dir=scratch) as folder:
        copy = Path(folder) / path.resolve().name
        shutil.copytree(path, copy)
        yield copy


class _Requests:
    """Questions to the bot, and documents that are added and replaced."""

    def __init__(self, bot: Bot, writer: KnowledgeBase | None, questions: Sequence[str], writes: float) -> None:
        self._bot, self._writer, self._questions, self._writes = bot, writer, questions, writes
        self._documents = [] if writer is None else writer.document_ids()
        self._written = itertools.count()
        self._one_writes = threading.Lock()

    def ask(self, question: str) -> None:
        """Let the bot answer."""
        self._bot.ask(question)

    def write(self) -> None:
        """Add a document like a stored one, or replace one that was added so."""
        assert self._writer is not None  # noqa: S101 - there are writes only where there is a writer
        with self._one_writes:
            number = next(self._written)
            text = self._writer.document(self._documents[number % len(self._documents)]).text
            revised = f"{text}\nRevision {number} of this document."
            self._writer.add([Document.from_text(revised, id=f"{ADDED}{number % _ADDED_AT_MOST}")])

    def step(self, load: Load, rate: float | None, rng: np.random.Generator, clock: Clock | None) -> LoadStep:
        """Serve one schedule."""
        seconds = load.seconds if rate is None else load.length(rate)
        scheduled = np.zeros(_BURST) if rate is None else arrivals(rate, seconds, rng)
        asked = rng.integers(0, len(self._questions), len(scheduled))
        is_write: NDArray[np.bool_] = rng.random(len(scheduled)) < self._writes

        def request(number: int) -> None:
            if is_write[number]:
                self.write()
            else:
                self.ask(self._questions[asked[number]])

        until = seconds * (1.0 if rate is None else PATIENCE)
        served = serve(request, scheduled, servers=load.servers, until=until, clock=clock)
        if rate is None:
            done = int((~np.isnan(served.ended)).sum())
            served = Served(scheduled[:done], served.began[:done], served.ended[:done], served.stopped)
            is_write = is_write[:done]
        return LoadStep(rate, self._writes, served, is_write, None, None)
