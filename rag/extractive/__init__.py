"""The extractive generator: answers made of sentences quoted word for word."""
