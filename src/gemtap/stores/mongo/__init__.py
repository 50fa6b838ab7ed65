"""The MongoDB store: documents whole and queryable, many taps to one database."""

from gemtap.stores.mongo.store import MongoStore

__all__ = ["MongoStore"]
