"""Where private halves live, what signers of a region are told of them, and who signs with what."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rotator.domain.codec import decode, encode
from rotator.domain.inventory import Absent, AliasRead, RegionView, SigningRead, Unavailable
from rotator.domain.jwk import Algorithm, Jwk, OkpPublic
from rotator.domain.jwks import Unreadable
from rotator.domain.keys import (
    Key,
    KeyHandle,
    KmsHandle,
    LocalHandle,
    Moments,
    WrappedHandle,
    reaches,
    signer_key,
    wrapped_handle,
)
from rotator.domain.policy import Policy
from rotator.domain.signing import SigningDocument, parse_signing, render_signing
from rotator.domain.state import IssuerState
from rotator.planning.orders import orders

NOW = datetime(2026, 1, 1, tzinfo=UTC)
US, EU = "us-east-1", "eu-central-1"


def arn(number: int, region: str) -> str:
    return f"arn:aws:kms:{region}:111122223333:key/mrk-{number}"


LOCAL = LocalHandle("keys/accounts/1.pem")
KMS = KmsHandle(US, {US: arn(1, US)})
BOTH = KMS.with_replica(EU, arn(1, EU))
WRAPPED = WrappedHandle("AQID", {"issuer": "accounts", "generation": "1"})


def key(number: int, handle: KeyHandle) -> Key:
    jwk = Jwk(f"kid-{number}", Algorithm.EDDSA, OkpPublic("Ed25519", "x"))
    return Key(jwk=jwk, generation=number, handle=handle, moments=Moments(staged_at=NOW))


@pytest.mark.parametrize(
    ("handle", "where", "can"),
    [
        (LOCAL, {None: True, US: True}, True),
        (WRAPPED, {US: True, EU: True}, True),
        (KMS, {US: True, EU: False, None: False}, False),
        (BOTH, {US: True, EU: True, "sa-east-1": False}, True),
    ],
    ids=["local", "wrapped", "one region", "both"],
)
def test_only_a_kms_key_has_to_be_in_the_region(
    handle: KeyHandle, where: dict[str | None, bool], can: bool
):
    assert {region: reaches(handle, region) for region in where} == where
    assert reaches(handle, EU) is can


def test_a_replica_is_one_region_more_and_keeps_the_primary():
    assert (BOTH.primary, dict(BOTH.arns)) == (US, {US: arn(1, US), EU: arn(1, EU)})
    assert KMS.arns == {US: arn(1, US)}
    assert [BOTH.arn_in(region) for region in (US, EU, "sa-east-1", None)] == [
        arn(1, US),
        arn(1, EU),
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("handle", "told"),
    [
        (LOCAL, {"kind": "local", "path": "keys/accounts/1.pem"}),
        (BOTH, {"kind": "kms", "key_id": arn(1, EU), "region": EU}),
        (
            WRAPPED,
            {
                "kind": "kms-wrapped",
                "ciphertext": "AQID",
                "context": {"issuer": "accounts", "generation": "1"},
            },
        ),
    ],
)
def test_what_signers_of_a_region_are_told(handle: KeyHandle, told: dict[str, Any]):
    assert signer_key(handle, EU) == told
    assert wrapped_handle(told) == (handle if isinstance(handle, WrappedHandle) else None)


@pytest.mark.parametrize(
    ("told", "handle"),
    [
        ({"kind": "kms-wrapped", "ciphertext": "AQID"}, WrappedHandle("AQID", {})),
        ({"kind": "kms-wrapped", "ciphertext": "AQID", "context": "x"}, WrappedHandle("AQID", {})),
        ({"kind": "kms-wrapped", "ciphertext": {"a": "b"}}, None),
        ({"kind": "kms-wrapped"}, None),
        ({"kind": "kms", "ciphertext": "AQID"}, None),
        ({}, None),
    ],
)
def test_a_wrapped_half_is_read_from_orders_or_not_at_all(
    told: dict[str, Any], handle: WrappedHandle | None
):
    assert wrapped_handle(told) == handle


@pytest.mark.parametrize("handle", [LOCAL, KMS, BOTH, WRAPPED, replace(WRAPPED, ciphertext="")])
def test_a_handle_survives_being_stored(handle: KeyHandle):
    state = IssuerState(issuer="accounts", keys=(key(1, handle),))
    assert decode(IssuerState, encode(state)) == state


def test_a_key_is_found_by_its_arn_in_any_region():
    keys = (key(1, BOTH), key(2, LOCAL), key(3, KmsHandle(US, {US: arn(3, US)})))
    state = IssuerState(issuer="accounts", keys=keys)
    asked = [arn(1, US), arn(1, EU), arn(3, US), arn(9, US), "alias/rotator/accounts", ""]
    assert [state.key_of_arn(one) for one in asked] == [keys[0], keys[0], keys[2], None, None, None]


def test_a_replica_that_nobody_recorded_is_the_same_key():
    """After a lost state an alias may point at one; it must not be taken for a stranger's."""
    known = key(1, KMS)
    state = IssuerState(issuer="accounts", keys=(known,))
    assert state.key_of_arn(arn(1, "sa-east-1")) == known
    assert KMS.owns(arn(1, EU))
    assert not KMS.owns(arn(1, EU).replace("111122223333", "444455556666"))


def orders_for(active: Key, standby: Key | None = None) -> SigningDocument:
    state = IssuerState(issuer="accounts", keys=(active,))
    return orders(state, Policy(), active, standby, 7, written_at=NOW, aws_region=EU)


def view(active: Key, alias: AliasRead | Absent | Unavailable | None) -> RegionView:
    body = render_signing(orders_for(active))
    return RegionView(Absent(), SigningRead("e", body, parse_signing(body)), alias)


def test_a_standby_that_the_region_lacks_is_not_told_to_it():
    assert orders_for(key(1, BOTH), key(2, KMS)).standby is None
    told = orders_for(key(1, BOTH), key(2, LOCAL)).standby
    assert told
    assert told.kid == "kid-2"


SILENT = Unavailable("E_TARGET_UNREACHABLE", "down")


@pytest.mark.parametrize(
    ("active", "alias", "only", "named"),
    [
        (key(1, LOCAL), None, True, {"kid-1"}),
        (key(1, BOTH), AliasRead(arn(1, EU)), True, {"kid-1"}),
        (key(1, BOTH), AliasRead(arn(2, EU)), False, {"kid-1", "kid-2"}),
        (key(1, BOTH), AliasRead(arn(9, EU)), False, {"kid-1"}),
        (key(1, BOTH), Absent(), False, {"kid-1"}),
        (key(1, BOTH), SILENT, False, {"kid-1"}),
        (key(1, LOCAL), AliasRead(arn(2, EU)), False, {"kid-1", "kid-2"}),
        (key(2, BOTH), AliasRead(arn(1, EU)), False, {"kid-1", "kid-2"}),
    ],
    ids=["no alias", "agrees", "other", "stranger", "gone", "silent", "local", "lags"],
)
def test_a_region_signs_with_one_key_only_when_orders_and_alias_agree(
    active: Key, alias: AliasRead | Absent | Unavailable | None, only: bool, named: set[str]
):
    """Design T3."""
    first = active if active.kid == "kid-1" else key(1, BOTH)
    second = key(2, KmsHandle(US, {US: arn(2, US), EU: arn(2, EU)}))
    state = IssuerState(issuer="accounts", keys=(first, second))
    seen = view(active, alias)
    assert seen.signs_only_with(first) is only
    assert seen.named_kids(state) == named
    assert seen.signing_known() is (alias is not SILENT)


def test_orders_that_nobody_understands_may_name_any_key():
    unread = SigningRead("e", b"junk", Unreadable("not a signing document"))
    assert not RegionView(Absent(), unread).signing_known()
    assert RegionView(Absent(), Absent()).signing_known()
