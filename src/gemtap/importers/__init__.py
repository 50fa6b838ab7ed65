"""Importers: what other programs have recorded, and what Gemtap has exported, into a store."""
