"""The section `daemon`: its shape, what it must not say, and what it amounts to."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rotator.config.operating import Cron, Listen, Variable, Zone
from rotator.config.places import Spot
from rotator.config.settings import DaemonSpec
from rotator.config.values import Duration, FilePath, Positive, shown
from rotator.config.written import written
from rotator.domain.hosts import is_loopback
from rotator.errors import ConfigError

TOKEN_MIN: Final = 16
"""Characters; what is shorter can be guessed by asking."""
_TOKEN_MAX: Final = 4096


class DaemonModel(BaseModel):
    """What `rotator daemon` goes by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Listen = "127.0.0.1:9464"
    apply: Cron = "17 6 * * *"
    """A cron line, or how long between two runs."""
    timezone: Zone = "UTC"
    jitter: Duration = Field(default="10m", validate_default=True)
    verify_every: Positive = Field(default="5m", validate_default=True)
    token_file: FilePath | None = None
    """A file with the token that readers of the status page and the metrics must show."""
    token_env: Variable | None = None
    """The same from a variable."""

    @model_validator(mode="after")
    def _is_closed(self) -> "DaemonModel":
        host = host_of(self.listen)
        if self.token_file and self.token_env:
            raise ValueError("token_file and token_env exclude each other")
        if not (self.token_file or self.token_env or is_loopback(host)):
            raise ValueError(
                f"listen: {shown(self.listen)} can be reached by others, who would read which keys sign where: give it"
                " a token (token_file or token_env), or listen on 127.0.0.1"
            )
        return self


def daemon_spec(model: DaemonModel, spot: Spot | None) -> DaemonSpec:
    """What the section amounts to; `spot` None where nobody wrote one."""
    return DaemonSpec(
        host=host_of(model.listen),
        port=int(model.listen.rpartition(":")[2]),
        apply=model.apply,
        timezone=model.timezone,
        jitter=model.jitter,
        verify_every=model.verify_every,
        token_file=model.token_file,
        token_env=model.token_env,
        written=written(model, spot),
        where=spot.at("apply").where if spot else "",
    )


def host_of(listen: str) -> str:
    """The host of `host:port`, without the brackets of an IPv6 address."""
    return listen.rpartition(":")[0].strip("[]")


def read_token(spec: DaemonSpec, path: Path | None, environ: Mapping[str, str]) -> str | None:
    """The token of the file or variable, None where none is asked for. Raises ConfigError, which never holds it."""
    if spec.token_env is not None:
        return _checked(environ.get(spec.token_env, ""), f"${spec.token_env}")
    if path is None:
        return None
    try:
        if path.stat().st_mode & 0o077 and os.name == "posix":
            raise ConfigError(
                f"{path} can be read by others",
                detail="it holds the token of the status page",
                hint=f"chmod 600 {path}",
            )
        with path.open("rb") as file:
            text = file.read(_TOKEN_MAX + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="write the token there") from None
    return _checked(text.removesuffix("\n"), str(path))


def _checked(token: str, where: str) -> str:
    legible = token.isascii() and token.isprintable() and " " not in token
    if not legible or not TOKEN_MIN <= len(token) <= _TOKEN_MAX:
        raise ConfigError(
            f"{where} holds no token: at least {TOKEN_MIN} printable ASCII characters without spaces are needed",
            hint="make one: openssl rand -hex 32",
        )
    return token
