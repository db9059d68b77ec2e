"""What stands before a path, or in its place, to say how a corpus or its questions are read."""

from __future__ import annotations

BEIR = "beir:"
"""Before the path of a folder in BEIR's form."""
FOLDER = "datasets:"
"""Before the path of a folder of Hugging Face's ``datasets``."""
NAMED = "ir_datasets:"
"""Before the name of a collection of ir_datasets."""


def split_prefix(path: str) -> tuple[str, str]:
    """Split what stands before a path; of a collection that is not a path, the path is empty."""
    if path.startswith(NAMED):
        return path, ""
    prefix = next((each for each in (BEIR, FOLDER) if path.startswith(each)), "")
    return prefix, path.removeprefix(prefix)
