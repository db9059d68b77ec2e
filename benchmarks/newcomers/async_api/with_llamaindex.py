import asyncio

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from llama_index.core import StorageContext, load_index_from_storage

app = FastAPI()
index = load_index_from_storage(StorageContext.from_defaults(persist_dir="index"))
engine = index.as_query_engine()
streaming = index.as_query_engine(streaming=True)


@app.get("/ask")
async def ask(question: str) -> dict[str, object]:
    async with asyncio.timeout(20):
        answer = await engine.aquery(question)
    return {"answer": answer.response, "sources": [node.metadata["file_path"] for node in answer.source_nodes]}


@app.get("/stream")
async def stream(question: str) -> StreamingResponse:
    async with asyncio.timeout(20):
        answer = await streaming.aquery(question)
    return StreamingResponse(answer.async_response_gen(), media_type="text/plain")
