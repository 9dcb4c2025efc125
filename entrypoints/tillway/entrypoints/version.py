"""Which Tillway this is."""

from importlib.metadata import version as installed_version


def version() -> str:
    """Give the version of the installed distribution."""
    return installed_version("tillway")
