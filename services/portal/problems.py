"""What goes wrong, as an answer to the person or machine that asked: problem+json (RFC 9457), in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar

from pydantic import BaseModel, Field


class FieldFault(BaseModel):
    """One fault in what was sent: where (a JSON pointer), what is wrong, and what to do."""

    field: str = Field(examples=["/seats"])
    message: str = Field(examples=["must be at least 1"])
    remedy: str = Field(examples=["give the students that one session can take"])


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 writes it, with the faults field by field where there are any."""

    type: str = Field(default="about:blank")
    title: str = Field(examples=["This can't be accepted as it is"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["1 field needs a change; nothing was submitted."])
    errors: list[FieldFault] = Field(default_factory=list)


class Problem(Exception):
    """Something that the portal won't or can't do; its class names the situation."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    title: ClassVar[str] = "This can't be done"

    def __init__(
        self, detail: str, errors: Sequence[FieldFault] = (), *, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.retry_after_seconds = retry_after_seconds

    def details(self) -> ProblemDetails:
        """Give the body of the answer."""
        return ProblemDetails(title=self.title, status=self.status.value, detail=self.detail, errors=self.errors)


class NotReadable(Problem):
    """The body is no JSON, or no file of the kind asked for."""

    title = "This can't be read"


class NotSignedIn(Problem):
    """Nobody is signed in, and no token that is known was sent."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Sign in first"


class NotYours(Problem):
    """The organisation or role does not allow it."""

    status = HTTPStatus.FORBIDDEN
    title = "You can't do this"


class NotFound(Problem):
    """There is no such thing, or none that this organisation may see."""

    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class OutOfDate(Problem):
    """Somebody else decided first, or a newer version is there."""

    status = HTTPStatus.CONFLICT
    title = "This has changed meanwhile"


class TooLarge(Problem):
    """The body is above the stated limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "This is too large"


class WrongFields(Problem):
    """The fields are not what they should be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "This can't be accepted as it is"


class TooOften(Problem):
    """Too many tries."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many tries"


class Unavailable(Problem):
    """Something that the portal needs is out of reach for now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "Not available at the moment"
