"""Replay: a recorded request sent again, with changes if need be, and recorded as what it is."""
