"""Benchmarks of indexes of vectors: on the very objects that the bot searches."""
