"""Everything a plan is made from, as one immutable value; a region that does not answer is data in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rotator.domain.evidence import Evidence
from rotator.domain.jwks import Jwks, Unreadable
from rotator.domain.keys import Key, KmsHandle
from rotator.domain.policy import IssuerSetup
from rotator.domain.signing import SigningDocument
from rotator.domain.state import IssuerState


@dataclass(frozen=True, slots=True)
class JwksRead:
    """A region's JWKS as its origin answered; headers None where its store has none or they were not asked."""

    etag: str
    body: bytes
    document: Jwks | Unreadable
    content_type: str | None = None
    cache_control: str | None = None


@dataclass(frozen=True, slots=True)
class SigningRead:
    """A region's signing target as it answered."""

    etag: str
    body: bytes
    document: SigningDocument | Unreadable


@dataclass(frozen=True, slots=True)
class Absent:
    """The document does not exist: an answer, unlike no answer."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No usable answer; `code` is the error's, `detail` its words."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class AliasRead:
    """The ARN of the key that a region's alias points at."""

    arn: str


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region as it was just read: both documents, and the alias where it has one.

    `oldest_signing` is when the oldest version that its store still keeps of the signing target was written; None
    when that was not asked.
    """

    jwks: JwksRead | Absent | Unavailable
    signing: SigningRead | Absent | Unavailable
    alias: AliasRead | Absent | Unavailable | None = None
    oldest_signing: datetime | None = None

    def signing_kid(self) -> str | None:
        """The kid that the signing target names, None when no readable document says one."""
        document = self.signing_document()
        return document.active.kid if document else None

    def signing_document(self) -> SigningDocument | None:
        """The signing document, when it was read and understood."""
        if isinstance(self.signing, SigningRead) and isinstance(
            self.signing.document, SigningDocument
        ):
            return self.signing.document
        return None

    def alias_arn(self) -> str | None:
        """The ARN that the alias points at, None when there is none or nobody knows."""
        return self.alias.arn if isinstance(self.alias, AliasRead) else None

    def signing_known(self) -> bool:
        """Whether it is known which keys the signers may use: signing target and alias answered and were understood."""
        unread = isinstance(self.signing, SigningRead) and self.signing_document() is None
        return not (
            unread or isinstance(self.signing, Unavailable) or isinstance(self.alias, Unavailable)
        )

    def named_kids(self, state: IssuerState) -> frozenset[str]:
        """The kids that signers may use now, as far as anybody knows: of the signing target, and of the alias."""
        kid, arn = self.signing_kid(), self.alias_arn()
        pointed = state.key_of_arn(arn) if arn else None
        return frozenset(k for k in (kid, pointed.kid if pointed else None) if k)

    def signs_only_with(self, key: Key) -> bool:
        """Whether signing target and alias both name the key (design T3)."""
        handle = key.handle
        if self.alias is not None and not (
            isinstance(handle, KmsHandle) and handle.owns(self.alias_arn() or "")
        ):
            return False
        return self.signing_kid() == key.kid

    def jwks_unknown(self) -> bool:
        """Whether nobody can say which keys the region serves: no answer, or none that is a key set."""
        return not isinstance(self.jwks, Absent) and self.jwks_document() is None

    def jwks_document(self) -> Jwks | None:
        """The key set, when it was read and understood."""
        if isinstance(self.jwks, JwksRead) and isinstance(self.jwks.document, Jwks):
            return self.jwks.document
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One issuer: as configured, as remembered, as seen. `views` has every configured region."""

    setup: IssuerSetup
    state: IssuerState
    evidence: Evidence
    views: Mapping[str, RegionView]
