"""Other libraries over a knowledge base, and their parts in ours; each module needs its library.

==================  ==================================================================================
module              what it has
==================  ==================================================================================
``langchain``       a retriever and a vector store for LangChain; its retrievers and embeddings in ours
``llamaindex``      a retriever and a vector store for LlamaIndex; its retrievers and embeddings in ours
``haystack``        a document store and a retriever component for Haystack; its embedders in ours
``dspy``            a retrieval model for DSPy
==================  ==================================================================================

`rag.integrations.foreign.adapted` makes any retriever of these libraries one that `rag.evaluation` can judge.
"""
