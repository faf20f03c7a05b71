"""Notices as others read them: one JSON object for programs, a message for a chat in Slack's form."""

import json
from collections.abc import Sequence
from typing import Any, Final

from rotator.domain.notice import Course, Notice, Topic
from rotator.domain.times import format_moment
from rotator.render.words import clean, utc

FORMAT: Final = "rotator.notice/1"
_LONGEST: Final = 600
"""Characters of one message; a foreign key's name has no bounds of its own."""

_SIGNS: Final = {
    Course.BEGUN: ":warning:",
    Course.LASTS: ":hourglass:",
    Course.OVER: ":white_check_mark:",
    Course.HAPPENED: ":key:",
}


def notice_document(notice: Notice) -> dict[str, Any]:
    """One notice as `rotator.notice/1`."""
    return {
        "format": FORMAT,
        "id": notice.id,
        "at": format_moment(notice.at),
        "topic": notice.topic.value,
        "course": notice.course.value,
        "issuer": notice.issuer,
        "region": notice.region,
        "kid": notice.kid,
        "reason_code": notice.reason_code.value if notice.reason_code else None,
        "since": format_moment(notice.since),
        "message": _short(notice),
        "runbook": notice.runbook,
    }


def generic(notices: Sequence[Notice]) -> bytes:
    """The body for a webhook, which takes one notice at a time."""
    (notice,) = notices
    return json.dumps(notice_document(notice)).encode()


def slack(notices: Sequence[Notice]) -> bytes:
    """The body for Slack and for what speaks its form: a line a notice, with nothing in it that Slack would obey."""
    return json.dumps({"text": "\n".join(map(_line, notices))}).encode()


def _line(notice: Notice) -> str:
    where = f" in {_plain(notice.region)}" if notice.region else ""
    since = f", since {utc(notice.since)}" if notice.course is Course.LASTS else ""
    read = (
        ""
        if notice.course in (Course.OVER, Course.HAPPENED) and not _bad(notice)
        else f" ({notice.runbook})"
    )
    sign = ":rotating_light:" if _bad(notice) else _SIGNS[notice.course]
    return f"{sign} *{_plain(notice.issuer)}*{where}: {_plain(_short(notice))}{since}{read}"


def _bad(notice: Notice) -> bool:
    """Whether it says that a key is compromised."""
    return notice.topic is Topic.REVOKE and notice.course is not Course.OVER


def _short(notice: Notice) -> str:
    text = clean(notice.message)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(text: str) -> str:
    """Text in which Slack finds no mention, link or markup of its own; an address that is whole would become a link."""
    escaped = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("://", ":\u200b//").translate({ord(c): f"\u200b{c}" for c in "*_~`@"})
