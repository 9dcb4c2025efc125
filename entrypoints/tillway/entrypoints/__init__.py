"""Everything that is run: HTTP, workers, the command line and the sandbox."""
