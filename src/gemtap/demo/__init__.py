"""Serves simulated APIs, for trying Gemtap without a key and for its tests."""
