"""Dialects: formats of requests and responses that several APIs may share. Pure functions."""
