"""A worker that knows the planted engines."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import planted

from pipelines.benchmark.worker import main

planted.plant()
main()
