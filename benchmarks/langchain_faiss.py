"""LangChain's FAISS store by its own splitter, with our embedding model, to be judged beside a knowledge base.

    rag ingest beir:CRANFIELD --into kb
    rag evaluate kb beir:CRANFIELD -k 10 --metrics nDCG@10,R@10 --save ours.json
    CORPUS=CRANFIELD/corpus.jsonl PYTHONPATH=benchmarks rag evaluate langchain_faiss:retriever beir:CRANFIELD -k 10 \
        --metrics nDCG@10,R@10 --baseline ours.json

It needs langchain-community, langchain-text-splitters and faiss-cpu.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from rag import embedder


class MiniLM(Embeddings):
    """The default embedding model."""

    def __init__(self) -> None:
        self._model = embedder("all-MiniLM-L6-v2")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._model.embed_passages(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self._model.embed_queries([text])[0].tolist()


def retriever() -> Any:
    from langchain_community.vectorstores import FAISS
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    lines = Path(os.environ["CORPUS"]).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    documents = [Document(f"{row['title']}\n{row['text']}", metadata={"document": row["_id"]}) for row in rows]
    pieces = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(documents)
    return FAISS.from_documents(pieces, MiniLM()).as_retriever(search_kwargs={"k": 10})
