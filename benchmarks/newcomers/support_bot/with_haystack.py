import json
from pathlib import Path

from haystack.components.builders import ChatPromptBuilder
from haystack.components.converters import TextFileToDocument
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore

if Path("store.json").exists():
    store = InMemoryDocumentStore.load_from_disk("store.json")
else:
    store = InMemoryDocumentStore()
    documents = TextFileToDocument().run(sources=sorted(Path("docs/how-to").glob("*.md")))["documents"]
    pieces = DocumentSplitter(split_length=200, split_overlap=20).run(documents=documents)["documents"]
    store.write_documents(OpenAIDocumentEmbedder().run(documents=pieces)["documents"])
    store.save_to_disk("store.json")
retriever, embedder = InMemoryEmbeddingRetriever(store), OpenAITextEmbedder()
model = OpenAIChatGenerator(model="gpt-4o-mini")
prompt = ChatPromptBuilder(
    [
        ChatMessage.from_system(
            "You are Ida of the support team. Answer from these passages:\n"
            "{% for document in documents %}{{ document.content }}\n{% endfor %}"
        )
    ]
)
kept = Path("history.json")
history = [ChatMessage.from_dict(turn) for turn in json.loads(kept.read_text())] if kept.exists() else []
for question in ("How do I delete a document?", "And how do I clear its bytes?"):
    condense = ChatMessage.from_user(f"Write this as a question that makes sense alone: {question}")
    alone = model.run([*history, condense])["replies"][0].text
    found = retriever.run(query_embedding=embedder.run(text=alone)["embedding"], top_k=4)["documents"]
    asked = ChatMessage.from_user(question)
    answer = model.run([*prompt.run(documents=found)["prompt"], *history, asked])["replies"][0]
    history += [asked, answer]
    kept.write_text(json.dumps([turn.to_dict() for turn in history]))
    print(answer.text, [document.meta["file_path"] for document in found])
