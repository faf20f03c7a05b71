"""The aliases of an AWS region, a hundred a call: which key each points at without a look at each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.failures import explained
from rotator.aws.families import TARGET
from rotator.aws.kms import KmsAttempt

_PAGE: Final = 100
_ACTION: Final = "kms:ListAliases"


@dataclass(frozen=True, slots=True)
class KmsAliasCatalogue:
    """Implements `ports.Catalogue` for the aliases `names` of one region, by ListAliases, which no prefix narrows.

    Needs kms:ListAliases, which IAM grants on `*` alone.
    """

    clients: AwsClients
    access: AwsAccess
    names: frozenset[str]

    def covers(self, location: str) -> bool:
        """Whether it is the location that `KmsAlias` has for one of the names."""
        name = location.removesuffix(self._place(""))
        return name in self.names and self._place(name) == location

    def versions(self) -> Mapping[str, str]:
        """The ARN of the key that each alias points at.

        Raises TargetError; also when the region holds so many others that looking at each alias takes fewer calls.
        """
        found: dict[str, str] = {}
        marker: str | None = None
        for _ in self.names:
            page, marker = self._page(marker)
            found |= page
            if marker is None or len(found) == len(self.names):
                return {self._place(name): arn for name, arn in found.items()}
        raise self._attempt.failed(
            f"{len(self.names)} pages showed {len(found)} of {len(self.names)} aliases",
            "the region has too many other aliases; each of rotator's is looked at instead",
        )

    def _page(self, marker: str | None) -> tuple[dict[str, str], str | None]:
        """What the aliases on a page point at, and what asks for the next one."""
        after: dict[str, Any] = {} if marker is None else {"Marker": marker}
        with explained(self._attempt):
            answer = self.clients.kms_for_reading(self.access).list_aliases(Limit=_PAGE, **after)
            # AWS's own aliases may have no key yet.
            listed = {
                alias["AliasName"]: _key_arn(alias["AliasArn"], alias["TargetKeyId"])
                for alias in answer["Aliases"]
                if alias["AliasName"] in self.names
            }
            return listed, answer["NextMarker"] if answer.get("Truncated") else None

    def _place(self, name: str) -> str:
        return f"{name} in {self.access.where}"

    @property
    def _attempt(self) -> KmsAttempt:
        return KmsAttempt(action=_ACTION, access=self.access, family=TARGET, changes=False)


def kms_catalogues(
    clients: AwsClients, aliases: Iterable[tuple[AwsAccess, str]]
) -> tuple[KmsAliasCatalogue, ...]:
    """One catalogue per way in, for aliases given as (access, name)."""
    found: dict[AwsAccess, set[str]] = {}
    for access, name in aliases:
        found.setdefault(access, set()).add(name)
    return tuple(KmsAliasCatalogue(clients, a, frozenset(names)) for a, names in found.items())


def _key_arn(alias_arn: str, key_id: str) -> str:
    """The ARN of a key in the region and account of an alias: arn:aws:kms:region:account:key/id."""
    return f"{alias_arn.partition(':alias/')[0]}:key/{key_id}"
