"""The folder that a knowledge base lives in: database, saved indexes, lock."""
