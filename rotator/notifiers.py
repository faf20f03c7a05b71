"""Whom a configuration wants to be told: its readers, each with what it is posted and how it is signed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.config.settings import NotifySpec, SecretSpec, Settings
from rotator.errors import NotifyError
from rotator.ports import Clock, Notifier

if TYPE_CHECKING:
    from rotator.adapters.webhook import Webhook

SLACK_AT_ONCE = 20
"""Lines of one message: Slack takes about one message a second."""
_LONGEST = 4096


def notifiers_for(
    settings: Settings, clock: Clock, environ: Mapping[str, str]
) -> tuple[Notifier, ...]:
    """One notifier for each reader; looks nothing up yet."""
    return tuple(_notifier(spec, settings, clock, environ) for spec in settings.notify)


def _notifier(
    spec: NotifySpec, settings: Settings, clock: Clock, environ: Mapping[str, str]
) -> "Webhook":
    from rotator.adapters.webhook import Webhook
    from rotator.render.notices import generic, slack

    def read(secret: SecretSpec, what: str) -> Callable[[], str]:
        return lambda: _read(secret, f"the {what} of {spec.name}", settings, environ)

    return Webhook(
        name=spec.name,
        topics=spec.topics,
        repeat=spec.repeat,
        at_once=SLACK_AT_ONCE if spec.kind == "slack" else 1,
        body=slack if spec.kind == "slack" else generic,
        url=read(spec.url, "URL"),
        secret=read(spec.secret, "secret") if spec.secret else None,
        clock=clock,
        allow_insecure=spec.allow_insecure,
    )


def _read(secret: SecretSpec, what: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """What stands in the configuration, in a variable or in a file. Raises NotifyError, which never holds it."""
    if secret.value is not None:
        return secret.value
    if secret.env is not None:
        text, where = environ.get(secret.env, ""), f"${secret.env}"
    else:
        path = settings.resolve(secret.file or "")
        text, where = _text(path, what), str(path)
    if not text.strip():
        raise NotifyError(f"{what} is not there", detail=f"{where} is empty or not set")
    return text.strip()


def _text(path: Path, what: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise NotifyError(f"{what} is not there", detail=f"{path}: {why}") from None
