import csv
import re
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from langchain_community.vectorstores import FAISS
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import Embeddings
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langchain_text_splitters import TextSplitter


class Words(Embeddings):
    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * 256
        for word in re.findall(r"\w+", text.lower()):
            vector[crc32(word.encode()) % 256] += 1
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Lines(TextSplitter):
    def split_text(self, text: str) -> list[str]:
        return re.findall(r".+", text)


class ShortFirst(BaseDocumentCompressor):
    def compress_documents(self, documents, query, callbacks=None):
        return sorted(documents, key=lambda document: len(document.page_content))


class Tickets(BaseLoader):
    def __init__(self, path: str) -> None:
        self.path = path

    def lazy_load(self) -> Iterator[Document]:
        with open(self.path, newline="") as file:
            for row in csv.DictReader(file):
                yield Document(row["text"], id=row["id"], metadata={"team": row["team"]})


if Path("faiss").exists():
    store = FAISS.load_local("faiss", Words(), allow_dangerous_deserialization=True)
else:
    store = FAISS.from_documents(Lines().split_documents(Tickets("tickets.csv").load()), Words())
    store.save_local("faiss")
question = "Why does the printer blink?"
found = store.similarity_search(question, filter={"team": "hardware"})
passages = "\n".join(each.page_content for each in ShortFirst().compress_documents(found, question))
prompt = ChatPromptTemplate([("system", "Answer from these passages:\n{passages}"), ("human", "{question}")])
print((prompt | ChatOpenAI(model="gpt-4o-mini")).invoke({"question": question, "passages": passages}).text)
