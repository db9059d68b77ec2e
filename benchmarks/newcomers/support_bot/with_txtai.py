import json
from pathlib import Path

from txtai import LLM, Embeddings
from txtai.pipeline import Segmentation

embeddings = Embeddings(path="openai/text-embedding-3-small", method="litellm", content=True)
if Path("index").exists():
    embeddings.load("index")
else:
    cut = Segmentation(paragraphs=True)
    files = sorted(Path("docs/how-to").glob("*.md"))
    embeddings.index({"text": text, "file": str(file)} for file in files for text in cut(file.read_text()))
    embeddings.save("index")
llm = LLM("openai/gpt-4o-mini", method="litellm")
kept = Path("history.json")
history = json.loads(kept.read_text()) if kept.exists() else []
for question in ("How do I delete a document?", "And how do I clear its bytes?"):
    condense = f"Write this as a question that makes sense alone: {question}"
    alone = llm([*history, {"role": "user", "content": condense}])
    found = embeddings.search("select text, file from txtai where similar(:alone)", 4, parameters={"alone": alone})
    passages = "\n".join(row["text"] for row in found)
    persona = f"You are Ida of the support team. Answer from these passages:\n{passages}"
    asked = {"role": "user", "content": question}
    answer = llm([{"role": "system", "content": persona}, *history, asked])
    history += [asked, {"role": "assistant", "content": answer}]
    kept.write_text(json.dumps(history))
    print(answer, [row["file"] for row in found])
