"""How many rows are asked for."""


def checked(limit: int) -> int:
    """Take a limit; ValueError for a negative one, which databases understand in their own ways."""
    if limit < 0:
        raise ValueError("a limit is not negative")
    return limit
