"""What an error of E2B's SDK means here.

Its own tree misleads: a sandbox that is gone is a timeout there, and a refused key or a busy service is no error of
sandboxes at all. So the order of what is asked matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from agents.errors import DeusError, StepFailed
from agents.sandbox import Ending, SandboxBusy, SandboxGone, SandboxUnavailable

SERVICE = "E2B"
KEY_SETTING = "DEUS_E2B_API_KEY"
TEMPLATE_SETTING = "DEUS_E2B_TEMPLATE"
KEYS = "https://e2b.dev/dashboard?tab=keys"
# A key of the vendor in a message of the vendor is not passed on.
SECRETS = re.compile(r"(e2b_[0-9a-zA-Z]+|(?i:bearer|basic)\s+\S+)")


class SandboxUnreachable(StepFailed):
    """E2B could not be reached or did not answer in time; whether the sandbox still runs is not known."""

    def __init__(self, doing: str) -> None:
        super().__init__(f"E2B could not be reached while {doing}; whether the sandbox still runs is not known.")


def no_key() -> SandboxUnavailable:
    """There is no key at all."""
    return SandboxUnavailable(
        "Code cannot run at E2B: no key is set.", service=SERVICE, remedy=f"Make one at {KEYS} and set {KEY_SETTING}."
    )


def is_gone(error: BaseException) -> bool:
    """The sandbox is known to be no more, or not to run; that a command or a file is not found does not say so."""
    from e2b import SandboxNotFoundException, SandboxNotRunningException, TimeoutException
    from e2b.exceptions import is_sandbox_not_found_message
    from e2b_code_interpreter.exceptions import format_sandbox_killed_error

    if isinstance(error, SandboxNotFoundException | SandboxNotRunningException):
        return True
    # The code interpreter's client makes that distinction in its words alone.
    killed = str(format_sandbox_killed_error())
    return isinstance(error, TimeoutException) and (is_sandbox_not_found_message(str(error)) or str(error) == killed)


def understood(error: Exception, doing: str, template: str = "") -> DeusError | None:
    """The error in the words of the port; None for one that is no failure of E2B or of the way to it.

    `doing` ends the sentence "while …".
    """
    import httpx
    from e2b import (
        AuthenticationException,
        RateLimitException,
        SandboxException,
        ServiceBusyException,
        TemplateException,
        TimeoutException,
    )

    if isinstance(error, DeusError):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(error, AuthenticationException) or status in (401, 403):
        return SandboxUnavailable(
            f"E2B refused the key while {doing} ({said(error)}).",
            service=SERVICE,
            remedy=f"Look whether {KEY_SETTING} is a key of your team: {KEYS}",
        )
    if isinstance(error, RateLimitException | ServiceBusyException) or status in (429, 503):
        return SandboxBusy(f"E2B has no sandbox to give now: {said(error)}", service=SERVICE)
    unknown = bool(template) and status in (400, 404) and "template" in str(error).lower()
    if isinstance(error, TemplateException) or unknown:
        return SandboxUnavailable(
            f"E2B cannot make a sandbox of the template {template!r} ({said(error)}).",
            service=SERVICE,
            remedy=f"Set {TEMPLATE_SETTING} to one of your team's templates.",
        )
    if is_gone(error):
        return SandboxGone(Ending.LOST)
    if isinstance(error, TimeoutException | httpx.TransportError | OSError):
        return SandboxUnreachable(doing)
    if isinstance(error, SandboxException):
        return StepFailed(f"E2B failed while {doing}: {said(error)}", service=SERVICE)
    return None


@contextmanager
def in_words(doing: str, template: str = "") -> Iterator[None]:
    """Raises what E2B's SDK raises inside in the words of the port."""
    try:
        yield
    except Exception as error:
        known = understood(error, doing, template)
        if known is None or known is error:
            raise
        raise known from error


def said(error: BaseException) -> str:
    """The vendor's own message on one line, short, without what looks like a credential."""
    words = " ".join(SECRETS.sub("…", str(error)).split())
    return "".join(letter for letter in words if letter.isprintable())[:300] or type(error).__name__
