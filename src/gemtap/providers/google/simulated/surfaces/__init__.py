"""The surfaces of the simulated API. Each module has functions from a call to the script of its response."""
