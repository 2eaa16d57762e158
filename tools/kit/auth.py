"""How a request proves who sends it: one small frozen scheme per manner."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr


class Auth(Protocol):
    """Gives the headers that a request carries to prove its sender, and what in them must never be shown."""

    def headers(self) -> dict[str, str]: ...

    def secrets(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class NoAuth:
    """Sends nothing."""

    def headers(self) -> dict[str, str]:
        return {}

    def secrets(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Token:
    """`Authorization: <scheme> <token>`; an empty scheme sends the bare token, as Linear's API keys want it.

    A scheme that ends in "=" is joined without a blank: PagerDuty wants `Token token=KEY`.
    """

    token: SecretStr
    scheme: str = "Bearer"

    def headers(self) -> dict[str, str]:
        blank = "" if self.scheme.endswith("=") else " "
        return {"Authorization": f"{self.scheme}{blank}{self.token.get_secret_value()}".strip()}

    def secrets(self) -> tuple[str, ...]:
        return (self.token.get_secret_value(),)


@dataclass(frozen=True)
class Basic:
    """HTTP basic authentication."""

    user: str
    password: SecretStr

    def headers(self) -> dict[str, str]:
        pair = f"{self.user}:{self.password.get_secret_value()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def secrets(self) -> tuple[str, ...]:
        pair = f"{self.user}:{self.password.get_secret_value()}".encode()
        return (self.password.get_secret_value(), base64.b64encode(pair).decode())
