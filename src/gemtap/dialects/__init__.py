"""Dialects: shapes of requests and answers, each of which several APIs may speak. Pure functions."""
