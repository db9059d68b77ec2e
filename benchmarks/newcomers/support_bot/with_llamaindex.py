from pathlib import Path

from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.memory import Memory

if Path("index").exists():
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir="index"))
else:
    index = VectorStoreIndex([])
index.refresh_ref_docs(SimpleDirectoryReader("docs/how-to", filename_as_id=True).load_data())
index.storage_context.persist("index")
memory = Memory.from_defaults(session_id="ada", async_database_uri="sqlite+aiosqlite:///chats.sqlite")
engine = index.as_chat_engine(
    chat_mode="condense_plus_context", memory=memory, system_prompt="You are Ida of the support team."
)
for question in ("How do I delete a document?", "And how do I clear its bytes?"):
    answer = engine.chat(question)
    print(answer.response, [node.metadata["file_path"] for node in answer.source_nodes])
