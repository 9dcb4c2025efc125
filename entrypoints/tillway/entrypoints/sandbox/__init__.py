"""The sandbox: a whole payment world in one process, offline."""
