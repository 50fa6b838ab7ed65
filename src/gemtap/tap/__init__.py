"""The tap: the process that forwards exchanges and writes captures. Bytes in, bytes out, no parsing."""
