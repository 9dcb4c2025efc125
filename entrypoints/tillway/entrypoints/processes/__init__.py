"""How Tillway runs: in one process or in several, from the first line to the drain."""
