"""From a question to passages: the pipeline value, hybrid search, fusion, explanation."""
