"""The faces of the gateway, one folder each."""
