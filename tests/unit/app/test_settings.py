"""Settings: where they come from, what goes first, what is refused, and that secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, load_settings, read_settings, with_kept
from tools.kit.errors import UserMustMend


def test_the_environment_goes_before_the_file() -> None:
    settings = read_settings(
        {"DEUS_PORT": "9000", "DEUS_COUNTRIES": "de, us", "PATH": "/bin"},
        {"port": 8001, "timezone": "Europe/Berlin", "github": {"token": "t1"}},
    )
    assert (settings.port, settings.timezone, settings.countries) == (9000, "Europe/Berlin", ("DE", "US"))
    assert settings.services["github"] == {"token": "t1"}


def test_a_services_field_is_set_by_its_own_name() -> None:
    settings = read_settings(
        {"DEUS_GITHUB_TOKEN": "t2", "DEUS_GITHUB_BASE_URL": "http://127.0.0.1:1/github"},
        {"github": {"token": "t1"}, "sentry": {"token": "s"}},
    )
    assert settings.services["github"] == {"token": "t2", "base_url": "http://127.0.0.1:1/github"}
    assert set(settings.services) == {"github", "sentry"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEUS_PORT", "abc"),
        ("DEUS_PORT", "70000"),
        ("DEUS_TIMEZONE", "Mars/Olympus"),
        ("DEUS_CLOCK", "tomorrow"),
        ("DEUS_CLOCK", "2026-11-18T15:00:00"),
        ("DEUS_DATABASE_URL", "mysql://host/db"),
        ("DEUS_BUDGET_SECONDS", "0"),
        ("DEUS_PUBLIC_URL", "deus.acme.test"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(UserMustMend, match=f"^{name} ") as refused:
        read_settings({name: value}, {})
    if "://" in value:
        assert value not in str(refused.value)


def test_the_address_is_that_which_people_are_given() -> None:
    assert Settings(port=9000).address == "http://127.0.0.1:9000"
    assert Settings(host="0.0.0.0").address == "http://127.0.0.1:8000"
    assert Settings(public_url="https://deus.acme.test/").address == "https://deus.acme.test"


def test_names_that_mean_nothing_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    environ = {"DEUS_TIMEZNE": "UTC", "DEUS_GITHUB_COLOUR": "x", "DEUS_DATA_DIR": str(tmp_path)}
    assert read_settings(environ, {"prot": 1}).unknown == ("prot", "DEUS_GITHUB_COLOUR", "DEUS_TIMEZNE")
    load_settings(environ)
    assert "DEUS_TIMEZNE" in caplog.text


def test_a_value_can_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("k-123\n", encoding="utf-8")
    settings = read_settings({"DEUS_MODEL_KEY_FILE": str(secret), "DEUS_GITHUB_TOKEN_FILE": str(secret)}, {})
    assert settings.model_key is not None
    assert settings.model_key.get_secret_value() == "k-123"
    assert settings.services["github"] == {"token": "k-123"}
    with pytest.raises(UserMustMend, match="DEUS_MODEL_KEY_FILE names"):
        read_settings({"DEUS_MODEL_KEY_FILE": str(tmp_path / "none")}, {})


def test_secrets_are_not_in_what_is_printed() -> None:
    environ = {
        "DEUS_MODEL_KEY": "secret-1", "DEUS_GITHUB_TOKEN": "secret-2", "DEUS_PASSWORD": "secret-3",
        "DEUS_API_TOKEN": "secret-4", "DEUS_DATABASE_URL": "postgresql://u:secret-5@h/d",
    }  # fmt: skip
    settings = read_settings(environ, {})
    assert "secret-" not in repr(settings)


def test_every_setting_has_a_meaning() -> None:
    rows = Settings.help()
    names = [name for name, _, _ in rows]
    assert len(names) == len(set(names))
    assert {"DEUS_PORT", "DEUS_GITHUB_TOKEN", "DEUS_SENTRY_BASE_URL", "DEUS_BUDGET_USD"} <= set(names)
    assert all(meaning for _, _, meaning in rows)
    assert ("DEUS_PORT", "8000", "the port to listen on") in rows


def test_what_the_vault_keeps_stands_behind_the_environment() -> None:
    kept = {"github": {"token": "kept", "base_url": "https://x.test"}, "slack": {"token": "s"}}
    merged = with_kept({"github": {"token": "set"}, "linear": {"api_key": "l"}}, kept)
    assert merged == {
        "github": {"token": "set", "base_url": "https://x.test"},
        "slack": {"token": "s"},
        "linear": {"api_key": "l"},
    }


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "deus.toml"
    path.write_text("port 8000", encoding="utf-8")
    with pytest.raises(UserMustMend, match=r"deus\.toml is not valid TOML"):
        load_settings({"DEUS_CONFIG": str(path)})


def test_some_services_may_have_a_limit_of_their_own() -> None:
    assert read_settings({"DEUS_SERVICE_LIMITS": "github=4, posthog=2"}, {}).service_limits == {
        "github": 4,
        "posthog": 2,
    }
    assert read_settings({}, {"service_limits": {"github": 3}}).service_limits == {"github": 3}
    for value, said in (("gitbub=4", "no service 'gitbub'"), ("github=0", "limit of github"), ("github", "github")):
        with pytest.raises(UserMustMend, match=f"DEUS_SERVICE_LIMITS .*{said}"):
            read_settings({"DEUS_SERVICE_LIMITS": value}, {})
