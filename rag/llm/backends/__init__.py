"""Language models: one back end per file, made by `rag.language_model`."""
