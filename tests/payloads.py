"""120 texts that try to run a script, to send a request, or to become an address, where a page takes text for markup.

``CANARY`` is put in for the address of a server that must hear nothing, ``PORT`` for its port; what runs sets
``window.pwned``.
"""

from __future__ import annotations

import json
from pathlib import Path

PAYLOADS: list[str] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def armed(canary: str) -> list[str]:
    """Return the payloads with the address of a canary in them."""
    port = canary.rpartition(":")[2]
    return [each.replace("CANARY", canary).replace("PORT", port) for each in PAYLOADS]
