"""A simulated Gemini API, for trying Gemtap without a key and for its tests."""
