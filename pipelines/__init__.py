"""What a person runs: the ``rag`` command and the pipelines behind it."""
