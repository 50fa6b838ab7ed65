"""The dashboard: the JSON API and the pages over a store."""
