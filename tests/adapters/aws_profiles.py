"""Shared AWS credentials files for tests, so that nothing of the machine's own configuration is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.servers.s3 import Credentials


def aws_environment(folder: Path, profiles: Mapping[str, Credentials]) -> dict[str, str | None]:
    """Write the files into `folder` and return the variables to set (None: to unset)."""
    folder.mkdir(parents=True, exist_ok=True)
    credentials = folder / "credentials"
    credentials.write_text("".join(_section(name, who) for name, who in profiles.items()))
    (folder / "config").write_text("")
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": None,
        "AWS_SECRET_ACCESS_KEY": None,
        "AWS_SESSION_TOKEN": None,
        "AWS_PROFILE": None,
        "AWS_ENDPOINT_URL": None,
        "AWS_ENDPOINT_URL_S3": None,
    }


def _section(name: str, who: Credentials) -> str:
    return (
        f"[{name}]\naws_access_key_id = {who.access_key}\n"
        f"aws_secret_access_key = {who.secret_key}\n\n"
    )
