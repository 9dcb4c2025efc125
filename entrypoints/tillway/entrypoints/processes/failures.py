"""Why a process could not begin, in words for whoever started it."""


class CannotStart(Exception):
    """Nothing was begun, and starting again changes nothing until somebody acts.

    The message is one line that says what is wrong and what to do. It holds no secret.
    """
