"""From what was recorded to files that other programs open: a file a format."""
