"""Whose credentials are used: a profile's, or those of a role that is assumed with them."""

from typing import TYPE_CHECKING, Any, cast

from rotator import __version__
from rotator.aws.access import AwsAccess
from rotator.aws.transport import CONNECTIONS

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session

SessionKey = tuple[str | None, ...]
"""What two accesses must agree in to share one session."""


def session_key(access: AwsAccess) -> SessionKey:
    """The profile; with a role also where and how it is assumed, since STS is regional."""
    if not access.role_arn:
        return (access.profile,)
    how = access.role_arn, access.external_id, access.session_name
    return (access.profile, *how, access.region, access.sts_endpoint)


def new_session(access: AwsAccess, attempts: int, models: "Loader") -> "Session":
    """A session with the access's identity; STS is asked up to `attempts` times, when credentials are first needed.

    `models` are the descriptions of AWS's services, which sessions may share.
    """
    source = _session(access.profile, models)
    return _as_role(source, access, attempts, models) if access.role_arn else source


def settings(service: str, access: AwsAccess, attempts: int) -> "Config":
    """What every client of a service is set up with; `attempts` counts the first one too."""
    from botocore.config import Config

    return Config(
        connect_timeout=access.connect_timeout.total_seconds(),
        read_timeout=access.read_timeout.total_seconds(),
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        signature_version="s3v4" if service == "s3" else None,
        # Other stores than AWS's know neither the checksum trailers nor host names for buckets.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if access.endpoint else "auto",
            "payload_signing_enabled": True,
        },
        user_agent_extra=f"rotator/{__version__}",
    )


def _session(profile: str | None, models: "Loader") -> "Session":
    from botocore.session import Session

    session = Session(profile=profile)
    session.register_component("data_loader", models)
    return session


def _as_role(source: "Session", access: AwsAccess, attempts: int, models: "Loader") -> "Session":
    """A session whose credentials are the role's: fetched at the first request, renewed before they end."""
    from botocore.credentials import CredentialProvider, CredentialResolver

    class AssumedRole(CredentialProvider):
        METHOD: str | None = "rotator-assume-role"

        def load(self) -> object:
            return _role_credentials(source, access, attempts)

    session = _session(access.profile, models)
    session.register_component("credential_provider", CredentialResolver([AssumedRole()]))
    return session


def _role_credentials(source: "Session", access: AwsAccess, attempts: int) -> object:
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
            config=settings(service, access, attempts),
            **keys,
        )

    extra = {"RoleSessionName": access.session_name}
    if access.external_id:
        extra["ExternalId"] = access.external_id
    fetcher = AssumeRoleCredentialFetcher(sts, credentials, str(access.role_arn), extra_args=extra)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
