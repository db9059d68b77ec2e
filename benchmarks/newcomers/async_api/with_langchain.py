from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_community.vectorstores import FAISS
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

app = FastAPI()
store = FAISS.load_local(
    "faiss", OpenAIEmbeddings(check_embedding_ctx_length=False), allow_dangerous_deserialization=True
)
prompt = ChatPromptTemplate([("system", "Answer from these passages:\n{passages}"), ("human", "{question}")])
chain = prompt | ChatOpenAI(model="gpt-4o-mini", timeout=20)


async def search(question: str) -> tuple[dict[str, str], list[str]]:
    found = await store.asimilarity_search(question)
    passages = "\n".join(document.page_content for document in found)
    return {"question": question, "passages": passages}, [document.metadata["source"] for document in found]


@app.get("/ask")
async def ask(question: str) -> dict[str, object]:
    asked, sources = await search(question)
    return {"answer": (await chain.ainvoke(asked)).text, "sources": sources}


@app.get("/stream")
async def stream(question: str) -> StreamingResponse:
    asked, _ = await search(question)
    pieces = (piece.text async for piece in chain.astream(asked))
    return StreamingResponse(pieces, media_type="text/plain")
