import csv
import re
from pathlib import Path
from zlib import crc32

from llama_index.core import Document, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.node_parser import NodeParser
from llama_index.core.node_parser.node_utils import build_nodes_from_splits
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.readers.base import BaseReader
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters


class Words(BaseEmbedding):
    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.0] * 256
        for word in re.findall(r"\w+", text.lower()):
            vector[crc32(word.encode()) % 256] += 1
        return vector

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class Lines(NodeParser):
    def _parse_nodes(self, nodes, show_progress=False, **kwargs):
        return [
            line
            for node in nodes
            for line in build_nodes_from_splits(re.findall(r".+", node.get_content()), node, id_func=self.id_func)
        ]


class ShortFirst(BaseNodePostprocessor):
    def _postprocess_nodes(self, nodes, query_bundle=None):
        return sorted(nodes, key=lambda node: len(node.get_content()))


class Tickets(BaseReader):
    def load_data(self, path: str) -> list[Document]:
        with open(path, newline="") as file:
            return [
                Document(text=row["text"], id_=row["id"], metadata={"team": row["team"]})
                for row in csv.DictReader(file)
            ]


if Path("index").exists():
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir="index"), embed_model=Words())
else:
    index = VectorStoreIndex([], embed_model=Words(), transformations=[Lines()])
index.refresh_ref_docs(Tickets().load_data("tickets.csv"))
index.storage_context.persist("index")
filters = MetadataFilters(filters=[MetadataFilter(key="team", value="hardware")])
engine = index.as_query_engine(filters=filters, node_postprocessors=[ShortFirst()])
print(engine.query("Why does the printer blink?"))
