"""What is done to a store beside recording and reading: pruning it, checking it, copying it."""
