"""Run one check in this process: ``python -P -m pipelines.selftest kills FOLDER``; prints one JSON object."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from rag.children import end_with_parent
from rag.errors import ExtraMissing

from .promises import PROMISES
from .tally import Tally


def main() -> None:
    """Check one promise in a folder."""
    end_with_parent()
    name, place = sys.argv[1], Path(sys.argv[2])
    if name not in {promise.check for promise in PROMISES}:
        raise SystemExit(f"there is no check {name!r}")
    tally = Tally()
    try:
        importlib.import_module(f"{__package__}.{name}").check(place, tally)
    except ExtraMissing as error:
        if tally.tried:
            raise
        tally.facts |= {"skipped": str(error)}
    sys.stdout.write(json.dumps(tally.form(), default=str) + "\n")


if __name__ == "__main__":
    main()
