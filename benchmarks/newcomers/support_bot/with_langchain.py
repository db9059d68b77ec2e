from pathlib import Path

from langchain_community.chat_message_histories import SQLChatMessageHistory
from langchain_community.document_loaders import DirectoryLoader, TextLoader
from langchain_community.vectorstores import FAISS
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

embeddings = OpenAIEmbeddings(check_embedding_ctx_length=False)
if Path("faiss").exists():
    store = FAISS.load_local("faiss", embeddings, allow_dangerous_deserialization=True)
else:
    documents = DirectoryLoader("docs/how-to", loader_cls=TextLoader).load()
    store = FAISS.from_documents(RecursiveCharacterTextSplitter().split_documents(documents), embeddings)
    store.save_local("faiss")
prompt = ChatPromptTemplate(
    [
        ("system", "You are Ida of the support team. Answer from these passages:\n{passages}"),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)
condense = ChatPromptTemplate(
    [MessagesPlaceholder("history"), ("human", "Write this as a question that makes sense alone: {question}")]
)
model = ChatOpenAI(model="gpt-4o-mini")
history = SQLChatMessageHistory("ada", connection="sqlite:///chats.sqlite")
for question in ("How do I delete a document?", "And how do I clear its bytes?"):
    alone = (condense | model).invoke({"history": history.messages, "question": question}).text
    found = store.as_retriever().invoke(alone)
    passages = "\n".join(document.page_content for document in found)
    answer = (prompt | model).invoke({"history": history.messages, "question": question, "passages": passages})
    history.add_user_message(question)
    history.add_ai_message(answer.text)
    print(answer.text, [document.metadata["source"] for document in found])
