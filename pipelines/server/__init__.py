"""Knowledge bases over HTTP: an API of its own, and OpenAI's; the same as tools of the Model Context Protocol."""
