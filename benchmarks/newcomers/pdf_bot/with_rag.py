from pathlib import Path

from rag import Bot, KnowledgeBase, load

with KnowledgeBase.open_or_create("kb") as kb:
    kb.add(load("contracts", meta=lambda source: {"customer": Path(source).stem}))
    bot = Bot(kb, "openai:gpt-4o-mini")
    answer = bot.ask("When does the lease end?", where='customer == "harbour"')
    print(answer.text)
    for citation in answer.citations:
        print(citation.source, "page", citation.page, citation.quote)
