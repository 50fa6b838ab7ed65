"""Stores: where interactions are kept. One protocol (`base`), SQLite and MongoDB behind it."""
