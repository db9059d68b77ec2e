"""A knowledge base in a PostgreSQL database, with pgvector: the extra ``postgres``."""

from __future__ import annotations
