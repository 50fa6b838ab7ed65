"""Exports of recorded interactions to files that other programs read. One module per format."""
