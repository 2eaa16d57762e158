"""Who keeps the key that the vault's own key is sealed with: a file or the environment, or a secret manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from tools.kit.errors import UserMustMend

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings


class KeyKeeper(Protocol):
    """Seals a workspace's data key, and opens it again. Raises UserMustMend where it cannot; never guesses."""

    name: str

    async def seal(self, key: bytes, workspace: str) -> str: ...

    async def unseal(self, sealed: str, workspace: str) -> bytes: ...


def keeper_of(settings: Settings, client: httpx.AsyncClient) -> KeyKeeper:
    """The keeper that DEUS_VAULT_KEEPER names; only its own file is loaded."""
    if settings.vault_keeper == "local":
        from app.vaults.local import LocalKey

        given = settings.vault_key.get_secret_value() if settings.vault_key is not None else None
        return LocalKey(settings.data_dir / "vault-key", given)
    if settings.vault_keeper == "hashicorp":
        from app.vaults.hashicorp import Transit

        url, token = required(settings, "vault_url"), required(settings, "vault_token")
        return Transit(client, url, token, required(settings, "vault_name"))
    if settings.vault_keeper == "aws":
        from app.vaults.aws import SecretsManager

        return SecretsManager(
            client,
            region=required(settings, "vault_region"),
            name=required(settings, "vault_name"),
            access_key=required(settings, "vault_access_key"),
            secret_key=required(settings, "vault_secret_key"),
            session_token=_plain(settings, "vault_token"),
            url=settings.vault_url,
        )
    from app.vaults.gcp import SecretManager

    name = required(settings, "vault_name")
    return SecretManager(client, name=name, token=_plain(settings, "vault_token"), url=settings.vault_url)


def required(settings: Settings, name: str) -> str:
    """A setting that the chosen keeper cannot do without. Raises UserMustMend, naming it."""
    value = _plain(settings, name)
    if value is None:
        raise UserMustMend(
            f"DEUS_VAULT_KEEPER is {settings.vault_keeper}, which needs DEUS_{name.upper()}.",
            remedy=f"Set DEUS_{name.upper()}, or leave DEUS_VAULT_KEEPER out to keep the key in the data folder.",
        )
    return value


def _plain(settings: Settings, name: str) -> str | None:
    value = getattr(settings, name)
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    return str(plain) if plain else None
