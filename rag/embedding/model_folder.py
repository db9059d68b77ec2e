"""Put a model's folder into the cache, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ModelMissing


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which then takes the place of what was there.

    Raises
    ------
    ModelMissing
        It cannot be written; says what to do.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as made:
            aside = Path(made, "whole")
            aside.mkdir()
            yield aside
            shutil.rmtree(place, ignore_errors=True)
            aside.rename(place)
    except OSError as error:
        raise ModelMissing(
            f"{place}: the model cannot be written ({error.strerror}); free some space, or set RAG_CACHE_DIR"
        ) from error
