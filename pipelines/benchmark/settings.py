"""Settings of a benchmark run."""

from __future__ import annotations

from dataclasses import dataclass

from rag.errors import InvalidInput

from .filters import KINDS, Filter
from .load import Load


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run.

    Attributes
    ----------
    k
        Number of neighbours to find.
    threads
        Numbers of searching threads; the first one is that of the row's ``qps``.
    filters
        Shares of the vectors, drawn at random, for filtered searches.
    correlated
        Whether filters are near the queries and far from them, too.
    churn
        Share of the vectors to remove and add again; None for no churn.
    load
        Requests to offer at rising rates; None for none.
    rounds
        Number of measurements of each configuration, in turn; the row has the median.
    seconds
        Seconds of a measurement in a round.
    seed
        Random seed of building, of the order of queries and of draws.
    timeout
        Seconds that a build, a load or a measurement may take.
    memory
        Memory limit of an engine in bytes, on top of the data; None for 80 % of what is available.
    budget
        Seconds for the whole run; the rest is left for ``resume``. None for no limit.
    """

    k: int = 10
    threads: tuple[int, ...] = (1,)
    filters: tuple[float, ...] = ()
    correlated: bool = False
    churn: float | None = None
    load: Load | None = None
    rounds: int = 5
    seconds: float = 0.1
    seed: int = 0
    timeout: float = 600.0
    memory: int | None = None
    budget: float | None = None

    @property
    def all_filters(self) -> tuple[Filter, ...]:
        """Every filter to measure."""
        kinds = KINDS if self.correlated else KINDS[:1]
        return tuple(Filter(share, kind) for kind in kinds for share in self.filters)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InvalidInput(f"-k {self.k}: at least 1")
        if not self.threads or min(self.threads) < 1 or len(set(self.threads)) != len(self.threads):
            raise InvalidInput(f"--threads {','.join(map(str, self.threads))}: numbers from 1 on, none twice")
        if len(set(self.filters)) != len(self.filters):
            raise InvalidInput(f"--filter {','.join(f'{share:g}' for share in self.filters)}: none twice")
        if self.correlated and not self.filters:
            raise InvalidInput("--correlated goes with --filter: give shares such as 0.5,0.1,0.01,0.001")
        for share in (*self.filters, *([] if self.churn is None else [self.churn])):
            if not 0 < share <= 1:
                raise InvalidInput(f"a share of {share} is not between 0 and 1; write 0.1 for 10 %")
        if self.seed < 0:
            raise InvalidInput(f"--seed {self.seed}: a whole number from 0 on")
        if self.rounds < 1 or self.seconds <= 0 or self.timeout <= 0:
            raise InvalidInput("rounds, seconds and timeout must be more than 0")
