"""The four families of expected errors, and the kinds that a service's answer can fall into."""

from __future__ import annotations


class DeusError(Exception):
    """An expected failure: what happened, to which service, and what would mend it."""

    def __init__(self, message: str, *, service: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.service = service
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" if self.remedy else self.message


class ModelMayRetry(DeusError):
    """The request was wrong in a way that whoever planned it can correct."""


class StepFailed(DeusError):
    """The step cannot be done now; the rest of the run goes on without it."""


class PersonMustDecide(DeusError):
    """Nothing goes on until a person has said yes or no."""


class UserMustMend(DeusError):
    """A setting, a key or a right is missing; the message names it and how to mend it."""


class BadArgument(ModelMayRetry):
    """An argument of a verb has a wrong value."""


class NotFound(ModelMayRetry):
    """The service has no such record, or does not show it to this account."""


class Unavailable(StepFailed):
    """The service could not be reached or answered with a fault of its own (5xx)."""


class TimedOut(StepFailed):
    """The service did not answer in time."""


class RateLimited(StepFailed):
    """The service's rate limit is used up for longer than we are willing to wait. `retry_after` is in seconds."""

    def __init__(self, message: str, *, service: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, service=service)
        self.retry_after = retry_after


class Malformed(StepFailed):
    """The service's answer is not in the form that its vendor publishes."""


class Refused(UserMustMend):
    """The service refused the credentials, or they do not carry the right that is needed (401, 403)."""


class NotConnected(UserMustMend):
    """No credentials are set for the service."""
