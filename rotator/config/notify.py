"""The sections `notify` and `metrics`: who is told what happens, and where figures go after a run."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from rotator.config.operating import Variable
from rotator.config.places import Spot
from rotator.config.settings import NotifySpec, SecretSpec
from rotator.config.values import FilePath, Name, Positive, Url
from rotator.domain.notice import Topic


def _textfile(value: str) -> str:
    if not value.endswith(".prom"):
        raise ValueError("must end in .prom: node_exporter reads no other file")
    return value


class MetricsModel(BaseModel):
    """Metrics of runs that nobody can scrape: those of a scheduler that starts rotator and lets it end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    textfile: Annotated[FilePath, AfterValidator(_textfile)] | None = None
    """A file for node_exporter's textfile collector, written after each run."""


class NotifyModel(BaseModel):
    """Somebody who is told what happens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["webhook", "slack"]
    """One JSON object for each notice, or a message in Slack's form."""
    name: Name | None = None
    """What it is called in warnings and metrics; made from the URL when left out."""
    url: Url | None = None
    url_env: Variable | None = None
    """A variable that holds the URL: Slack's are secrets."""
    url_file: FilePath | None = None
    """A file that holds the URL."""
    secret_env: Variable | None = None
    """A variable that holds what messages are signed with; unsigned without one."""
    secret_file: FilePath | None = None
    """A file that holds it."""
    events: Annotated[tuple[Topic, ...], Field(min_length=1)] = tuple(Topic)
    """What it is told of; everything when left out."""
    repeat: Positive = Field(default="24h", validate_default=True)
    """How often it is told again while something lasts."""
    allow_insecure: StrictBool = False
    """Allows its URL to be http: without being loopback."""

    @model_validator(mode="after")
    def _is_reachable(self) -> "NotifyModel":
        if sum(one is not None for one in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("needs one of url, url_env and url_file")
        if self.secret_env and self.secret_file:
            raise ValueError("secret_env and secret_file exclude each other")
        return self

    @property
    def called(self) -> str:
        """Its name, or one that stays the same while the place does and gives nothing of it away."""
        place = f"{self.url or ''}\n{self.url_env or ''}\n{self.url_file or ''}"
        return self.name or f"{self.kind}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def _names_differ(models: tuple[NotifyModel, ...]) -> tuple[NotifyModel, ...]:
    names = [model.called for model in models]
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(f"two are called {repeated[0]}: give each a name of its own")
    return models


Notify = Annotated[tuple[NotifyModel, ...], AfterValidator(_names_differ)]


def notify_specs(
    models: Sequence[NotifyModel], spot: Spot, *, allow_insecure: bool
) -> tuple[NotifySpec, ...]:
    """What the section at `spot` amounts to; `allow_insecure` is that of the whole file."""
    return tuple(
        NotifySpec(
            kind=model.kind,
            name=model.called,
            url=SecretSpec(model.url, model.url_env, model.url_file),
            secret=_secret(model),
            topics=frozenset(model.events),
            repeat=model.repeat,
            allow_insecure=allow_insecure or model.allow_insecure,
            where=spot.at(number).where,
        )
        for number, model in enumerate(models)
    )


def _secret(model: NotifyModel) -> SecretSpec | None:
    if model.secret_env is None and model.secret_file is None:
        return None
    return SecretSpec(env=model.secret_env, file=model.secret_file)
