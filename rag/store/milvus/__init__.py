"""A knowledge base in Milvus, or in a file of Milvus Lite: the extra ``milvus``. Experimental."""

from __future__ import annotations
