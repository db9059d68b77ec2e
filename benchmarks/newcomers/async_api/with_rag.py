from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from rag import Bot

app = FastAPI()
bot = Bot.open("kb", generator="openai:gpt-4o-mini", deadline=20)


@app.get("/ask")
async def ask(question: str) -> dict[str, object]:
    answer = await bot.aask(question)
    return {"answer": answer.text, "sources": [citation.source for citation in answer.citations]}


@app.get("/stream")
async def stream(question: str) -> StreamingResponse:
    pieces = (piece async for piece in bot.aask_stream(question) if isinstance(piece, str))
    return StreamingResponse(pieces, media_type="text/plain")
