"""Who asks: sts:GetCallerIdentity needs no permission, so a refusal is about the credentials themselves."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from rotator.adapters.aws_doctor.asking import Forbidden, Question, Way
from rotator.app.doctor.clocks import judge_clock
from rotator.aws import AwsAccess, AwsClients
from rotator.domain.clocks import Reading, dated, parse_date
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, of_error
from rotator.errors import RotatorError, TargetDenied
from rotator.ports import Clock

_WHO = Question("sts", "get_caller_identity", "sts:GetCallerIdentity", "who asks")


@dataclass(frozen=True, slots=True)
class Identity:
    """An AWS identity; `arn` is that of a session where a role was assumed."""

    account: str
    arn: str
    clock: Reading | None

    @property
    def principal(self) -> str:
        """The ARN that IAM knows: of the role behind a session, which has lost the role's path."""
        head, _, tail = self.arn.partition(":assumed-role/")
        if not tail:
            return self.arn
        partition = head.split(":")[1]
        return f"arn:{partition}:iam::{self.account}:role/{tail.split('/')[0]}"


class Identities:
    """Asks for each access once, whoever wants to know first."""

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        self._clients, self._clock = clients, clock
        self._lock = threading.Lock()
        self._locks: dict[AwsAccess, threading.Lock] = {}
        self._known: dict[AwsAccess, Identity | RotatorError | None] = {}

    def of(self, access: AwsAccess) -> Identity | RotatorError | None:
        """The identity, why there is none, or None where the servers are not AWS's and no STS is named."""
        with self._lock:
            lock = self._locks.setdefault(access, threading.Lock())
        with lock:
            if access not in self._known:
                self._known[access] = self._ask(access)
            return self._known[access]

    def has_way_in(self, access: AwsAccess) -> bool:
        """Whether it is worth asking more: without usable credentials every answer would say the same."""
        known = self.of(access)
        return not isinstance(known, TargetDenied) or isinstance(known, Forbidden)

    def _ask(self, access: AwsAccess) -> Identity | RotatorError | None:
        elsewhere = access.endpoint or access.kms_endpoint
        if elsewhere and not access.sts_endpoint and not access.role_arn:
            return None
        try:
            asked = self._clock.now()
            answer = Way(self._clients, access).ask(_WHO)
            date = parse_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date"))
            now = self._clock.now()
            clock = dated("AWS STS", date, None, now, now - asked) if date else None
            return Identity(str(answer["Account"]), str(answer["Arn"]), clock)
        except RotatorError as error:
            return error


def who_asks(identities: Identities, access: AwsAccess, drift: timedelta) -> Iterator[Diagnosis]:
    """The identity in words, and AWS's clock."""
    place = Place(region=access.region)
    match identities.of(access):
        case Identity(account, arn, clock):
            yield Diagnosis(Area.ACCESS, place, Health.OK, f"{arn} in account {account}")
            if clock:
                yield judge_clock(clock, drift, place)
        case RotatorError() as error:
            yield of_error(Area.ACCESS, place, error)
        case None:
            words = f"{access.who}; no STS to ask who that is"
            yield Diagnosis(Area.ACCESS, place, Health.OK, words)


def one_account(
    identities: Identities, issuer: str, accesses: Mapping[str, AwsAccess]
) -> Iterator[Diagnosis]:
    """All regions of an issuer in one account: a multi-region key cannot leave its own."""
    known = {region: identities.of(access) for region, access in accesses.items()}
    accounts = {r: found.account for r, found in known.items() if isinstance(found, Identity)}
    if len(set(accounts.values())) > 1:
        listed = ", ".join(f"{region} {account}" for region, account in accounts.items())
        yield Diagnosis(
            Area.ACCESS,
            Place(issuer),
            Health.ERROR,
            "its regions are in different AWS accounts",
            f"{listed}; a multi-region KMS key has all its replicas in one account",
            "give these regions credentials or roles of one account",
        )
