"""Queries: the fields, the filters that stores compile, and the query language that people write.

Nothing is imported here: the parser of the language takes longer to load than the rest of a store.
"""
