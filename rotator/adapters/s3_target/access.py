"""How a region's AWS account is reached, and the clients for it, made once and shared by all threads.

Each access has two S3 clients. Reads are tried three times. Writes are tried once: a retry by the SDK would hide
whether the first one took effect (design I6).
"""

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from rotator import __version__

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from botocore.session import Session as CoreSession
    from mypy_boto3_s3 import S3Client

_READ_ATTEMPTS: Final = 3
_CONNECTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """One way in: where (region, endpoints) and as whom (profile, then a role assumed with it).

    What is None is found as every AWS tool finds it: environment, shared configuration, instance role. The timeouts
    bound each wait on the network, so that a write to a region that hangs ends after about their sum.
    """

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    session_name: str = "rotator"
    endpoint: str | None = None
    sts_endpoint: str | None = None
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=10)

    @property
    def who(self) -> str:
        """The identity in words, for errors."""
        if self.role_arn:
            return f"role {self.role_arn}"
        return f"profile {self.profile}" if self.profile else "the default credentials"


class AwsClients:
    """Makes clients when they are first asked for and keeps them; safe to share between threads.

    One session per profile, so that all regions of it share one set of credentials and one refresh.
    """

    def __init__(self) -> None:
        # botocore's clients may be shared between threads, its sessions may not.
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str | None, AwsAccess | None], Session] = {}
        self._s3: dict[tuple[AwsAccess, int], S3Client] = {}

    def s3_for_reading(self, access: AwsAccess) -> "S3Client":
        """The client that tries again, twice, with short pauses."""
        return self._client(access, _READ_ATTEMPTS)

    def s3_for_writing(self, access: AwsAccess) -> "S3Client":
        """The client that sends everything at most once."""
        return self._client(access, 1)

    def _client(self, access: AwsAccess, attempts: int) -> "S3Client":
        with self._lock:
            if (access, attempts) not in self._s3:
                self._s3[access, attempts] = self._new_client(access, attempts)
            return self._s3[access, attempts]

    def _new_client(self, access: AwsAccess, attempts: int) -> "S3Client":
        client = self._session(access).client(
            "s3",
            region_name=access.region,
            endpoint_url=access.endpoint,
            config=_config(access, attempts),
        )
        client.meta.events.register_last("before-call.s3", _send_plainly)
        return client

    def _session(self, access: AwsAccess) -> "Session":
        from boto3.session import Session

        key = (access.profile, access if access.role_arn else None)
        if key not in self._sessions:
            core = _core_session(access.profile)
            if access.role_arn:
                core = _as_role(core, access)
            self._sessions[key] = Session(botocore_session=core)
        return self._sessions[key]


def _config(access: AwsAccess, attempts: int) -> "Config":
    from botocore.config import Config

    return Config(
        connect_timeout=access.connect_timeout.total_seconds(),
        read_timeout=access.read_timeout.total_seconds(),
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=_CONNECTIONS,
        signature_version="s3v4",
        # Other stores than AWS's know neither the checksum trailers nor host names for buckets.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if access.endpoint else "auto",
            "payload_signing_enabled": True,
        },
        user_agent_extra=f"rotator/{__version__}",
    )


def _send_plainly(params: dict[str, Any], **_: object) -> None:
    """Switch off two habits of botocore.

    It would quietly follow a bucket to another region and send a write there once more, instead of reporting it; and
    it would wait for `100 Continue` before it sends a body of a few hundred bytes.
    """
    params.get("context", {}).setdefault("s3_redirect", {})["redirected"] = True
    params.get("headers", {}).pop("Expect", None)


def _core_session(profile: str | None) -> "CoreSession":
    from botocore.session import Session as CoreSession

    return CoreSession(profile=profile)


def _as_role(source: "CoreSession", access: AwsAccess) -> "CoreSession":
    """A session whose credentials are the role's: fetched at the first request, renewed before they end."""
    from botocore.credentials import CredentialProvider, CredentialResolver

    class AssumedRole(CredentialProvider):
        METHOD: str | None = "rotator-assume-role"

        def load(self) -> object:
            return _role_credentials(source, access)

    session = _core_session(access.profile)
    session.register_component("credential_provider", CredentialResolver([AssumedRole()]))
    return session


def _role_credentials(source: "CoreSession", access: AwsAccess) -> object:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    credentials = source.get_credentials()
    if credentials is None:
        raise NoCredentialsError

    def sts(service: str, **keys: Any) -> Any:
        return source.create_client(
            cast("Any", service),
            region_name=access.region or source.get_config_variable("region") or "us-east-1",
            endpoint_url=access.sts_endpoint,
            config=_config(access, _READ_ATTEMPTS),
            **keys,
        )

    extra = {"RoleSessionName": access.session_name}
    if access.external_id:
        extra["ExternalId"] = access.external_id
    fetcher = AssumeRoleCredentialFetcher(sts, credentials, str(access.role_arn), extra_args=extra)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
