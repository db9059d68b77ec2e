"""``python -m pipelines.cli`` is ``rag``."""

from . import main

if __name__ == "__main__":
    main()
