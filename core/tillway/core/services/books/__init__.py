"""The log and the ledger: what is booked and told, numbered, sealed and verified."""
