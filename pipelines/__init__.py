"""The ``rag`` command and the pipelines behind it."""
