"""The dashboard: the JSON API and the pages that show what the store holds."""
