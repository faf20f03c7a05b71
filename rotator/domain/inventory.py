"""Everything a plan is made from, as one immutable value; a region that does not answer is data in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from rotator.domain.evidence import Evidence
from rotator.domain.jwks import Jwks, Unreadable
from rotator.domain.policy import IssuerSetup
from rotator.domain.signing import SigningDocument
from rotator.domain.state import IssuerState


@dataclass(frozen=True, slots=True)
class JwksRead:
    """A region's JWKS as its origin answered."""

    etag: str
    body: bytes
    document: Jwks | Unreadable


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
class RegionView:
    """Both documents of a region as they were just read."""

    jwks: JwksRead | Absent | Unavailable
    signing: SigningRead | Absent | Unavailable

    def signing_kid(self) -> str | None:
        """The kid the region signs with, None when no readable document says one."""
        document = self.signing_document()
        return document.active.kid if document else None

    def signing_document(self) -> SigningDocument | None:
        """The signing document, when it was read and understood."""
        if isinstance(self.signing, SigningRead) and isinstance(
            self.signing.document, SigningDocument
        ):
            return self.signing.document
        return None

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
