import asyncio
import itertools
import json
from pathlib import Path

from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.evaluation import RetrieverEvaluator
from llama_index.core.evaluation.retrieval.metrics import METRIC_REGISTRY
from llama_index.core.evaluation.retrieval.metrics_base import BaseRetrievalMetric, RetrievalMetricResult
from llama_index.core.node_parser import MarkdownNodeParser, SentenceSplitter
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from scipy.stats import wilcoxon


class ShortFirst(BaseNodePostprocessor):
    def _postprocess_nodes(self, nodes, query_bundle=None):
        return sorted(nodes, key=lambda node: len(node.get_content()))


class Missed(BaseRetrievalMetric):
    metric_name = "missed"

    def compute(self, query, expected_ids, retrieved_ids, expected_texts=None, retrieved_texts=None, **kwargs):
        return RetrievalMetricResult(score=len(set(expected_ids) - set(retrieved_ids)))


METRIC_REGISTRY["missed"] = Missed
questions = [json.loads(line) for line in Path("questions.jsonl").read_text().splitlines()]
documents = SimpleDirectoryReader("docs/how-to", filename_as_id=True).load_data()


async def values(splitter, rerankers):
    nodes = splitter.get_nodes_from_documents(documents)
    retriever = VectorStoreIndex(nodes).as_retriever(similarity_top_k=10)
    evaluator = RetrieverEvaluator.from_metric_names(
        ["missed", "mrr"], retriever=retriever, node_postprocessors=rerankers
    )
    found = []
    for question in questions:
        gold = [node.node_id for node in nodes if Path(node.metadata["file_path"]).name in question["names"]]
        found.append((await evaluator.aevaluate(question["text"], gold)).metric_vals_dict)
    return found


async def main():
    splitters = {"markdown": MarkdownNodeParser(), "tokens": SentenceSplitter(chunk_size=128, chunk_overlap=16)}
    first = None
    for (name, splitter), rerankers in itertools.product(splitters.items(), ([], [ShortFirst()])):
        found = await values(splitter, rerankers)
        first = first or found
        differences = [a["mrr"] - b["mrr"] for a, b in zip(found, first, strict=True)]
        p = wilcoxon(differences).pvalue if any(differences) else 1.0
        means = [sum(each[metric] for each in found) / len(found) for metric in ("missed", "mrr")]
        print(name, [type(each).__name__ for each in rerankers], *means, p)


asyncio.run(main())
