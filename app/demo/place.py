"""Where the demo's world comes from, and the settings by which the product reads a demo company."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from app.demo.company import Company
from app.demo.server import demo_environment
from app.demo.vendors.slack import BOT_TOKEN


def built_in() -> Path:
    """The world file that comes with the product."""
    return Path(str(resources.files("app.demo").joinpath("worlds", "acme.yaml")))


def company_settings(company: Company, base: str, data_dir: Path, port: int = 8000) -> dict[str, str]:
    """The environment of a product that is connected to the demo company served at `base`."""
    return {
        **demo_environment(base, company.public_url),
        "DEUS_DATA_DIR": str(data_dir),
        "DEUS_PORT": str(port),
        "DEUS_CLOCK": f"frozen:{company.now.isoformat()}",
        "DEUS_TIMEZONE": str(company.facts.timezone),
    }


def slack_settings(company: Company, base: str, secret: str) -> dict[str, str]:
    """The environment of a product that answers in the demo company's Slack, wherever it is spoken to."""
    channels = sorted({str(message["channel"]) for message in company.of_kind("message")})
    return {
        "DEUS_SLACK_BOT_TOKEN": BOT_TOKEN,
        "DEUS_SLACK_BOT_SIGNING_SECRET": secret,
        "DEUS_SLACK_BOT_URL": f"{base}/slack/api/",
        "DEUS_SLACK_BOT_CHANNELS": ",".join(channels),
    }
