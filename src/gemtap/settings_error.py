"""The error of a wrong setting, apart from the settings, which take half a second to load."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting is wrong. One line: which, where it came from, and what is right."""
