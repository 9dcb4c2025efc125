"""What Stripe refuses, in its own words: type, code and the parameter at fault."""

from typing import Any

from attrs import define, field


@define
class Refused(Exception):
    """A refusal as Stripe's API says it."""

    message: str
    status: int = 400
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    more: dict[str, Any] = field(factory=dict)

    def json(self) -> dict[str, Any]:
        """Give the body of the answer."""
        told = {"code": self.code, "param": self.param, **self.more}
        said = {name: value for name, value in told.items() if value is not None}
        return {"error": {"message": self.message, "type": self.type, **said}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """Say that a parameter is wrong."""
    return Refused(message, param=param, code=code)


def missing(what: str, id: str, param: str = "id", status: int = 404) -> Refused:  # noqa: A002  # Stripe's word
    """Say that there is nothing of that id; 404 for the path's own, 400 for a parameter's."""
    return Refused(
        f"No such {what}: '{id[:100]}'", status=status, code="resource_missing", param=param
    )


def declined(code: str, reason: str, message: str, **more: object) -> Refused:
    """Say that a card was declined."""
    return Refused(
        message,
        status=402,
        type="card_error",
        code=code,
        more={"decline_code": reason, **more},
    )


def unauthorized(message: str) -> Refused:
    """Say that the key is missing or wrong."""
    return Refused(message, status=401)
