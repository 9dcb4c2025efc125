"""The use cases: a folder for what belongs together, a file for each."""
