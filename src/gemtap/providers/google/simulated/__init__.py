"""A simulation of Google's APIs: models that answer, files, caches, batches, sessions. Providers choose its paths."""
