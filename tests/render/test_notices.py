"""Notices as programs and chats read them; foreign text in them is only text."""

import json
from dataclasses import replace

import pytest

from rotator.domain.notice import Course, Notice, Topic
from rotator.render.notices import generic, notice_document, slack
from tests.docs.pages import ROOT
from tests.unit.test_notice import DAY_BEFORE, NOTICE

READ = " (runbooks/gate-stays-closed.md)"
MONDAY = "Mon 23 Nov 2026, 06:17 UTC"
HOSTILE = "<!channel> *x* `y` @here & <http://a|b>\u202e\n\x1b[31m"


def line(notice: Notice) -> str:
    return str(json.loads(slack([notice]))["text"])


def test_the_document_has_the_members_of_the_documentation() -> None:
    page = (ROOT / "docs/notices.md").read_text("utf-8")
    shown = json.loads(page.split("```json\n")[1].split("```")[0])
    document = notice_document(replace(NOTICE, kid="kid"))
    assert {name: type(value) for name, value in shown.items()} == {
        name: type(value) for name, value in document.items()
    }
    assert list(shown) == list(document)


def test_what_there_is_none_of_is_null() -> None:
    bare = json.loads(generic([replace(NOTICE, region=None, reason_code=None)]))
    assert [name for name, value in bare.items() if value is None] == [
        "region",
        "kid",
        "reason_code",
    ]


@pytest.mark.parametrize(
    ("notice", "text"),
    [
        (
            NOTICE,
            f":warning: *accounts* in eu-central-1: switch is blocked{READ}",
        ),
        (
            replace(NOTICE, course=Course.LASTS, since=DAY_BEFORE),
            f":hourglass: *accounts* in eu-central-1: switch is blocked, since {MONDAY}{READ}",
        ),
        (
            replace(NOTICE, course=Course.OVER),
            ":white_check_mark: *accounts* in eu-central-1: switch is blocked",
        ),
        (
            replace(NOTICE, course=Course.HAPPENED, topic=Topic.SWITCH, region=None),
            ":key: *accounts*: switch is blocked",
        ),
        (
            replace(NOTICE, course=Course.HAPPENED, topic=Topic.REVOKE, region=None),
            f":rotating_light: *accounts*: switch is blocked{READ}",
        ),
        (
            replace(NOTICE, course=Course.OVER, topic=Topic.REVOKE, region=None),
            ":white_check_mark: *accounts*: switch is blocked",
        ),
    ],
    ids=["begins", "lasts", "is over", "happened", "a compromise", "its end"],
)
def test_a_line_for_a_chat(notice: Notice, text: str) -> None:
    assert line(notice) == text


def test_a_chat_obeys_nothing_in_it() -> None:
    text = line(replace(NOTICE, message=HOSTILE, region=HOSTILE))
    assert "<" not in text
    assert ">" not in text
    assert "&lt;!channel&gt;" in text
    assert text.count("*") == 2 + 4
    assert text.count("\u200b*") == 4
    assert not {"\n", "\x1b", "\u202e"} & set(text)
    assert "://" not in text


def test_a_program_gets_no_control_characters_either() -> None:
    message = json.loads(generic([replace(NOTICE, message=HOSTILE)]))["message"]
    assert not {"\n", "\x1b", "\u202e"} & set(message)
    assert message.startswith("<!channel>")


@pytest.mark.parametrize(("length", "kept"), [(600, 600), (601, 600), (10_000, 600)])
def test_a_message_has_bounds(length: int, kept: int) -> None:
    message = notice_document(replace(NOTICE, message="x" * length))["message"]
    assert (len(message), message.endswith("…")) == (kept, length > kept)
