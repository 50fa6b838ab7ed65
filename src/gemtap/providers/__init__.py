"""Providers: what we know of each API. Pure functions: no I/O, no clock, no settings."""
