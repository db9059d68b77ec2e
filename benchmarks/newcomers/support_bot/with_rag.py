from rag import Bot, KnowledgeBase, Memory, load

with KnowledgeBase.open_or_create("kb") as kb:
    kb.add(load("docs/how-to"))
    memory = Memory("memories", user="ada", session="monday", embedder=kb.embedder)
    bot = Bot(kb, "openai:gpt-4o-mini", instructions="You are Ida of the support team.", memory=memory)
    for question in ("How do I delete a document?", "And how do I clear its bytes?"):
        answer = bot.ask(question)
        memory.remember(question, answer.supported_text)
        print(answer.text, [citation.source for citation in answer.citations])
