"""Replay: sends recorded requests again, optionally with changes, and records them as replays."""
