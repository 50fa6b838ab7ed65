"""Maintenance of a store: pruning and copying."""
