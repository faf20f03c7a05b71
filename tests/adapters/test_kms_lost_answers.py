"""KMS that loses answers, shows what was made late, and takes its time: no second key is made, none is left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from rotator.adapters.kms import KmsKeys
from rotator.domain.jwk import Algorithm, thumbprint
from rotator.domain.keys import KmsHandle
from rotator.errors import (
    KeyStoreDenied,
    KeyStoreError,
    KeyStoreUnreachable,
    KeyStoreUnsure,
    TargetError,
    TargetUnreachable,
)
from rotator.ports import Generated
from tests.adapters.conftest import Profiles
from tests.fakes.clock import START
from tests.servers.faulty import Answer, Fault, FaultyProxy, LoseAnswer, Refuse, Request, Reset
from tests.servers.kms import (
    PRIMARY,
    REGIONS,
    KmsPlace,
    direct_kms,
    is_call,
    kms_answer,
    kms_error,
    operation_of,
)
from tests.servers.ministack import ANYBODY, Ministack
from tests.servers.s3 import S3Endpoint

EUROPE = REGIONS[1]
Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
pytestmark = pytest.mark.ministack


@dataclass
class Broken:
    """An emulator behind a proxy that breaks it; `sound` goes around the proxy."""

    proxy: FaultyProxy
    place: KmsPlace
    sound: KmsPlace

    def keys(self) -> KmsKeys:
        return self.place.keys()

    def made(self) -> list[str]:
        """The ARNs of this place's keys, whether finished or not."""
        client = direct_kms(self.sound.url)
        arns = [key["KeyArn"] for key in client.list_keys()["Keys"]]
        wanted = {"TagKey": "rotator:lineage", "TagValue": self.place.lineage}
        return [arn for arn in arns if wanted in client.list_resource_tags(KeyId=arn)["Tags"]]

    def kid_tags(self) -> list[str]:
        client = direct_kms(self.sound.url)
        tags = [t for arn in self.made() for t in client.list_resource_tags(KeyId=arn)["Tags"]]
        return [tag["TagValue"] for tag in tags if tag["TagKey"] == "rotator:kid"]


@pytest.fixture
def broken(ministack_server: Ministack, profiles: Profiles, faulty_proxy: Faulty) -> Broken:
    profiles({"tested": ANYBODY})
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    sound = KmsPlace(ministack_server.endpoint.url, "tested")
    place = replace(sound, url=endpoint.url, patience=timedelta(seconds=2))
    return Broken(proxy, place, sound)


def first(count: int, *operations: str) -> Callable[[Request], bool]:
    """Pick the first requests for these operations."""
    seen: list[Request] = []

    def pick(request: Request) -> bool:
        if operation_of(request) in operations:
            seen.append(request)
            return len(seen) <= count
        return False

    return pick


# ------------------------------------------------------------------------------------ making a key

DENIED = kms_error("AccessDeniedException")
LOST: dict[str, tuple[Fault, str, int, type[KeyStoreError]]] = {
    # what breaks, at which call, how many keys there are then, and what generate says
    "refused": (Refuse(), "CreateKey", 0, KeyStoreUnreachable),
    "denied": (DENIED, "CreateKey", 0, KeyStoreDenied),
    "throttled": (kms_error("ThrottlingException"), "CreateKey", 0, KeyStoreUnreachable),
    "reset before": (Reset(), "CreateKey", 0, KeyStoreUnsure),
    "answer lost": (LoseAnswer(), "CreateKey", 1, KeyStoreUnsure),
    "500": (kms_error("KMSInternalException", status=500), "CreateKey", 0, KeyStoreUnsure),
    "an answer without a key": (kms_answer({}), "CreateKey", 0, KeyStoreUnsure),
    "a page": (Answer(200, b"<html>log in"), "CreateKey", 0, KeyStoreUnsure),
    "public half denied": (DENIED, "GetPublicKey", 1, KeyStoreUnsure),
    "public half lost": (LoseAnswer(), "GetPublicKey", 1, KeyStoreUnsure),
    "public half is none": (kms_answer({"PublicKey": "AAAA"}), "GetPublicKey", 1, KeyStoreUnsure),
    "tag denied": (DENIED, "TagResource", 1, KeyStoreUnsure),
    "tag lost before": (Reset(), "TagResource", 1, KeyStoreUnsure),
    "tag lost after": (LoseAnswer(), "TagResource", 1, KeyStoreUnsure),
}


@pytest.mark.parametrize(("fault", "at", "keys", "error"), LOST.values(), ids=LOST.keys())
def test_what_was_made_is_found_and_finished_and_made_only_once(
    broken: Broken, fault: Fault, at: str, keys: int, error: type[KeyStoreError]
) -> None:
    name = broken.place.name(1)

    with broken.proxy.failing(fault, is_call(at)), pytest.raises(KeyStoreError) as caught:
        broken.keys().generate(name, Algorithm.ES256, 2048)

    assert type(caught.value) is error
    asked = [operation_of(r) for r in broken.proxy.requests]
    assert asked.count("CreateKey") == (0 if isinstance(fault, Refuse) else 1)
    assert len(broken.made()) == keys
    found = broken.keys().find(name)
    assert [found.handle] == handles(broken) if found else keys == 0
    assert broken.kid_tags() == ([thumbprint(found.public)] if found else [])


def handles(broken: Broken) -> list[KmsHandle]:
    return [KmsHandle(PRIMARY, {PRIMARY: arn}) for arn in broken.made()]


def test_what_was_not_finished_says_which_key_and_why(broken: Broken) -> None:
    with (
        broken.proxy.failing(DENIED, is_call("TagResource")),
        pytest.raises(KeyStoreUnsure) as caught,
    ):
        broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)

    (arn,) = broken.made()
    assert caught.value.message.startswith(arn)
    assert "kms:TagResource" in caught.value.detail
    assert caught.value.hint == f"grant kms:TagResource on {arn}"


@pytest.mark.parametrize(
    "answer", [kms_error("NotFoundException"), kms_error("KMSInvalidStateException")]
)
def test_a_key_that_kms_does_not_know_yet_is_waited_for(broken: Broken, answer: Answer) -> None:
    with broken.proxy.failing(answer, first(3, "GetPublicKey")):
        made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)

    assert [made.handle] == handles(broken)
    assert len(broken.place.clock.slept) == 3


# ------------------------------------------------------------------------------------ looking for a key

EMPTY = kms_answer({"Keys": [], "Truncated": False})


def young(place: KmsPlace) -> datetime:
    return place.clock.now() - timedelta(seconds=5)


@pytest.mark.parametrize(
    "lag", [EMPTY, kms_answer({"Tags": [], "Truncated": False})], ids=["keys", "tags"]
)
def test_a_key_that_lists_show_late_is_found(broken: Broken, lag: Answer) -> None:
    name = broken.place.name(1, asked_at=young(broken.place))
    with (
        broken.proxy.failing(LoseAnswer(), is_call("CreateKey")),
        pytest.raises(KeyStoreUnsure),
    ):
        broken.keys().generate(name, Algorithm.ES256, 2048)
    listing = "ListKeys" if lag is EMPTY else "ListResourceTags"
    count = 3 if lag is EMPTY else 3 * len(direct_kms(broken.sound.url).list_keys()["Keys"])

    with broken.proxy.failing(lag, first(count, listing)):
        found = broken.keys().find(name)

    assert found is not None
    assert [found.handle] == handles(broken)
    assert len(broken.place.clock.slept) == 3


def test_too_early_to_say_is_not_none(broken: Broken) -> None:
    clock = broken.place.clock
    name = broken.place.name(1, asked_at=young(broken.place))

    with broken.proxy.failing(EMPTY, is_call("ListKeys")):
        with pytest.raises(KeyStoreUnsure, match="nobody knows yet") as caught:
            broken.keys().find(name)
        assert caught.value.hint == "run it again in some minutes"
        assert clock.now() - START == timedelta(seconds=30)
        clock.advance(timedelta(minutes=4, seconds=20))
        assert broken.keys().find(name) is None
        assert clock.now() - name.asked_at >= timedelta(minutes=5)


def test_a_key_that_is_listed_is_never_taken_for_gone(broken: Broken) -> None:
    """Seen late by DescribeKey alone, even long after it was asked for: no second one is made meanwhile."""
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    broken.place.clock.advance(timedelta(hours=1))
    gone = kms_error("NotFoundException", "Key does not exist", 400)
    with (
        broken.proxy.failing(gone, is_call("DescribeKey")),
        pytest.raises(KeyStoreUnreachable, match="cannot"),
    ):
        broken.keys().find(broken.place.name(1))
    assert broken.keys().find(broken.place.name(1)) == made


@pytest.mark.parametrize("state", ["disabled", "deleted"])
def test_a_key_that_is_to_be_deleted_is_not_found(broken: Broken, state: str) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    broken.keys().disable(made.handle)
    if state == "deleted":
        broken.keys().destroy(made.handle)

    assert broken.keys().find(broken.place.name(1)) == (made if state == "disabled" else None)


def test_another_intent_of_the_same_generation_is_another_key(broken: Broken) -> None:
    made = [
        broken.keys().generate(broken.place.name(1, intent), Algorithm.ES256, 2048)
        for intent in ("a", "b")
    ]
    assert [broken.keys().find(broken.place.name(1, intent)) for intent in ("a", "b")] == made


def test_keys_that_hide_their_tags_may_be_the_one(broken: Broken) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    denied = kms_error("AccessDeniedException", "because no resource-based policy allows it")

    with broken.proxy.failing(denied, is_call("ListResourceTags")):
        with pytest.raises(KeyStoreDenied, match="cannot read the tags of") as caught:
            broken.keys().find(broken.place.name(1))
        assert "do not show whether they are rotator's" in caught.value.detail
        assert "allow kms:ListResourceTags in the key policy of" in caught.value.hint
    with broken.proxy.failing(denied, first(1, "ListResourceTags")):
        assert broken.keys().find(broken.place.name(1)) == made


def test_a_list_that_is_cut_short_is_not_believed(broken: Broken) -> None:
    with (
        broken.proxy.failing(kms_answer({"Keys": [], "Truncated": True}), is_call("ListKeys")),
        pytest.raises(KeyStoreUnreachable, match="cannot list the keys in us-east-1"),
    ):
        broken.keys().find(broken.place.name(1))


def test_lists_are_read_page_by_page(broken: Broken) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    page = kms_answer({"Keys": [], "Truncated": True, "NextMarker": "more"})
    tags = kms_answer({"Tags": [], "Truncated": True, "NextMarker": "more"})
    with broken.proxy.failing(page, first(2, "ListKeys")):
        assert broken.keys().find(broken.place.name(1)) == made
    with broken.proxy.failing(tags, first(4, "ListResourceTags")):
        assert broken.keys().find(broken.place.name(1)) == made


# ------------------------------------------------------------------------------------ replicas that take time


def in_state(made: Generated, state: str) -> Answer:
    assert isinstance(made.handle, KmsHandle)
    arn = made.handle.arns[PRIMARY].replace(PRIMARY, EUROPE)
    members = {"KeyId": arn.rpartition("/")[2], "Arn": arn, "KeyState": state}
    return kms_answer({"KeyMetadata": members})


def test_a_replica_that_is_being_made_is_waited_for(broken: Broken) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    broken.proxy.requests.clear()

    with broken.proxy.failing(in_state(made, "Creating"), first(4, "DescribeKey")):
        broken.sound.keys().replicate(made.handle, EUROPE)
        arn = broken.keys().replicate(made.handle, EUROPE)

    assert arn.split(":")[3] == EUROPE
    assert [operation_of(r) for r in broken.proxy.requests] == ["DescribeKey"] * 5
    assert broken.place.clock.now() > START


def test_a_replica_that_is_not_ready_in_time_is_for_the_next_run(broken: Broken) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)

    with (
        broken.proxy.failing(in_state(made, "Creating"), is_call("DescribeKey")),
        pytest.raises(KeyStoreUnreachable, match="not ready yet") as caught,
    ):
        broken.keys().replicate(made.handle, EUROPE)

    assert caught.value.hint == "the next run goes on"
    assert broken.place.clock.now() - START == timedelta(seconds=30)


@pytest.mark.parametrize("fault", [Reset(), LoseAnswer()], ids=["before", "after"])
def test_a_replication_whose_answer_is_lost_is_taken_up_again(broken: Broken, fault: Fault) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)

    with (
        broken.proxy.failing(fault, is_call("ReplicateKey")),
        pytest.raises(KeyStoreUnreachable, match="cannot replicate") as caught,
    ):
        broken.keys().replicate(made.handle, EUROPE)

    assert "whether it took effect is unknown" in caught.value.detail
    arn = broken.keys().replicate(made.handle, EUROPE)
    handle = KmsHandle(PRIMARY, {EUROPE: arn})
    broken.keys().prove(handle, EUROPE)


def test_a_replica_that_is_seen_late_is_not_made_twice(broken: Broken) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    arn = broken.keys().replicate(made.handle, EUROPE)

    with broken.proxy.failing(kms_error("NotFoundException"), first(3, "DescribeKey")):
        assert broken.keys().replicate(made.handle, EUROPE) == arn


# ------------------------------------------------------------------------------------ aliases


@pytest.mark.parametrize("fault", [Reset(), LoseAnswer()], ids=["before", "after"])
@pytest.mark.parametrize("at", ["UpdateAlias", "CreateAlias"])
def test_an_alias_is_moved_once_and_then_read_back(broken: Broken, fault: Fault, at: str) -> None:
    made = [broken.keys().generate(broken.place.name(n), Algorithm.ES256, 2048) for n in (1, 2)]
    old, new = (key.handle.arns[PRIMARY] for key in made if isinstance(key.handle, KmsHandle))
    alias = broken.place.alias(f"alias/rotator/{broken.place.issuer}")
    if at == "UpdateAlias":
        alias.point(old)
    broken.proxy.requests.clear()

    with broken.proxy.failing(fault, is_call(at)), pytest.raises(TargetUnreachable) as caught:
        alias.point(new)

    assert "whether it took effect is unknown" in caught.value.detail
    assert [operation_of(r) for r in broken.proxy.requests].count(at) == 1
    before = old if at == "UpdateAlias" else None
    assert alias.read() == (new if isinstance(fault, LoseAnswer) else before)
    alias.point(new)
    assert alias.read() == new


def test_an_alias_that_is_seen_late_is_left_to_the_next_run(broken: Broken) -> None:
    made = broken.keys().generate(broken.place.name(1), Algorithm.ES256, 2048)
    assert isinstance(made.handle, KmsHandle)
    alias = broken.place.alias(f"alias/rotator/{broken.place.issuer}")
    alias.point(made.handle.arns[PRIMARY])

    with (
        broken.proxy.failing(kms_error("NotFoundException"), is_call("UpdateAlias")),
        pytest.raises(TargetError) as caught,
    ):
        alias.point(made.handle.arns[PRIMARY])

    assert "run it again in a minute" in caught.value.hint
