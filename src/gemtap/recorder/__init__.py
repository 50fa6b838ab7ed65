"""The recorder: turns captures into interactions and puts them in the store."""
