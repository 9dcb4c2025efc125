"""Typed settings from YAML and the environment, with every fault named at once."""
