"""The parts of the simulated API, each a set of functions from a call to the script of its answer."""
