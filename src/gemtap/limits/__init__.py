"""Limits: what users, models and clients may ask for and spend. No store: the proxy counts in mapped memory."""
