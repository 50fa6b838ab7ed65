"""The capture: the append-only file in which the tap writes one exchange, and the spool that holds the files."""
