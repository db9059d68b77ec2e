from pathlib import Path

from langchain_community.document_loaders import PyPDFDirectoryLoader
from langchain_community.vectorstores import FAISS
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

embeddings = OpenAIEmbeddings(check_embedding_ctx_length=False)
if Path("faiss").exists():
    store = FAISS.load_local("faiss", embeddings, allow_dangerous_deserialization=True)
else:
    pages = PyPDFDirectoryLoader("contracts").load()
    for page in pages:
        page.metadata["customer"] = Path(page.metadata["source"]).stem
    store = FAISS.from_documents(RecursiveCharacterTextSplitter().split_documents(pages), embeddings)
    store.save_local("faiss")
question = "When does the lease end?"
found = store.similarity_search(question, filter={"customer": "harbour"})
prompt = ChatPromptTemplate([("system", "Answer from these passages:\n{passages}"), ("human", "{question}")])
passages = "\n".join(page.page_content for page in found)
print((prompt | ChatOpenAI(model="gpt-4o-mini")).invoke({"question": question, "passages": passages}).text)
for page in found:
    print(page.metadata["source"], "page", page.metadata["page"] + 1, page.page_content)
