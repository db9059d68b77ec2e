"""The folder of a knowledge base: database, saved indexes, lock."""
