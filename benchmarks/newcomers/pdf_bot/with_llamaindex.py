from pathlib import Path

from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters

if Path("index").exists():
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir="index"))
else:
    index = VectorStoreIndex([])


def facts(path: str) -> dict[str, str]:
    return {"customer": Path(path).stem, "file_name": Path(path).name}


index.refresh_ref_docs(SimpleDirectoryReader("contracts", filename_as_id=True, file_metadata=facts).load_data())
index.storage_context.persist("index")
filters = MetadataFilters(filters=[MetadataFilter(key="customer", value="harbour")])
answer = CitationQueryEngine.from_args(index, filters=filters).query("When does the lease end?")
print(answer.response)
for node in answer.source_nodes:
    print(node.metadata["file_name"], "page", node.metadata["page_label"], node.get_content())
