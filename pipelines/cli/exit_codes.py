"""Exit codes of the ``rag`` command.

Errors of ``rag.errors`` carry their own code; these are the rest.
"""

from __future__ import annotations

OK = 0
FAILED = 1
"""An error without a code of its own; ``verify`` found differences."""
SOME_FILES_FAILED = 2
STORE_DAMAGED = 3
STORE_UNWRITABLE = 4
ANSWER_INCOMPLETE = 6
NOTHING_FOUND = 7
"""``search`` found nothing, or ``ask`` abstained."""
STORE_LOCKED = 8
STORE_MISMATCH = 9
MODEL_FAILED = 10
DEADLINE_PASSED = 11
SERVER_UNAVAILABLE = 12
BAD_USAGE = 64
INTERRUPTED = 130

MEANINGS: dict[int, str] = {
    OK: "success",
    FAILED: "any other error; `verify` found differences",
    SOME_FILES_FAILED: "some files, or configurations of `bench`, failed; `repair` could not bring everything back",
    STORE_DAMAGED: "a file of the knowledge base is damaged",
    STORE_UNWRITABLE: "disk full, read-only, or permission denied",
    ANSWER_INCOMPLETE: "the language model was cut off: what it said so far is shown",
    NOTHING_FOUND: "nothing found, or the bot abstained",
    STORE_LOCKED: "another process is writing",
    STORE_MISMATCH: "made with another embedder, metric, chunker, analyser or format",
    MODEL_FAILED: "the language model failed, and nothing could replace it; with `--schema`, quotes but no value",
    DEADLINE_PASSED: "--deadline was up before anything was found to answer from",
    SERVER_UNAVAILABLE: "the server that keeps the knowledge base cannot be reached, or gives no answer",
    BAD_USAGE: "bad usage: unknown option, bad filter, no such knowledge base",
    INTERRUPTED: "interrupted with Ctrl-C, SIGTERM or a closed terminal",
}
