"""The kinds of values a configuration is made of: each reads its written form and says what was expected.

Validators raise ValueError with words that follow a member's name.
"""

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
)

from rotator.config.profiles import parse_time
from rotator.domain.caching import refusal
from rotator.domain.policy import JWKS_URL, Special
from rotator.domain.times import format_duration, parse_duration

NAME: Final = r"^[A-Za-z0-9_-]{1,64}$"
ISSUER: Final = "{issuer}"
"""The one placeholder of paths, keys and URLs."""

_DURATION: Final = r"^(([0-9]+([.][0-9]+)?(ms|s|m|h|d))+|0|P[0-9.DHMSTW]+)$"
_LONGEST: Final = timedelta(days=36_500)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_AWS_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}", re.ASCII)
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", re.ASCII)
_MULTI_REGION: Final = re.compile(r"mrk-[0-9a-f]{32}", re.ASCII)
_KMS_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(.+)", re.ASCII)
_SESSION: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID: Final = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_DISTRIBUTION: Final = re.compile(r"E[0-9A-Z]{1,31}", re.ASCII)
_ALIAS: Final = re.compile(r"alias/[A-Za-z0-9/_-]+", re.ASCII)
_ALIAS_MAX: Final = 256
_NAME_MAX: Final = 64
_DELETION: Final = range(7, 31)
_NTP: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:(\d{1,5}))?", re.ASCII)


def shown(value: object) -> str:
    """A value as an error names its kind; never the whole of what stood there."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "…")
        case list():
            return "a list"
        case _:
            return "a mapping"


def _duration(value: object) -> timedelta:
    match value:
        case timedelta():
            return value
        case str():
            return _bounded(parse_duration(value))
        case int() | float() if not isinstance(value, bool):
            if value == 0:
                return timedelta()
            raise ValueError(f"{value} has no unit: write {value}s")
        case _:
            raise ValueError(f"a duration such as 30s, 15m or 90d expected, not {shown(value)}")


def _bounded(value: timedelta) -> timedelta:
    if value > _LONGEST:
        raise ValueError("longer than a hundred years")
    return value


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than 0")
    return value


def _verifier_time(value: object) -> timedelta | Special:
    if isinstance(value, str) and not isinstance(value, Special):
        time = parse_time(value)
        return _bounded(time) if isinstance(time, timedelta) else time
    return value if isinstance(value, Special) else _duration(value)


def _write_time(value: timedelta | Special) -> str:
    return value.value if isinstance(value, Special) else format_duration(value)


def _history(value: object) -> object:
    if value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"auto or a whole number expected, not {shown(value)}")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if not value.isprintable():
        raise ValueError("must be printable text on one line")
    return value


def _template(value: str) -> str:
    left = value.replace(ISSUER, "")
    if "{" in left or "}" in left:
        raise ValueError(
            f"{shown(value)} has a placeholder that is not filled in; {ISSUER} is the only one"
        )
    return value


def _file(value: str) -> str:
    if value.endswith("/"):
        raise ValueError("a file's path expected, not a folder's: it must not end in /")
    return value


def _path(value: str, info: ValidationInfo) -> str:
    """`~/` is the home folder that the validation's context names."""
    if not value.startswith("~"):
        return value
    home = (info.context or {}).get("home")
    if not home or not value.startswith("~/"):
        raise ValueError("only ~/ is understood, and only where HOME is set; write the path out")
    return f"{home}/{value[2:]}"


def _name(value: str) -> str:
    if not re.fullmatch(NAME, value, re.ASCII):
        raise ValueError("a name has letters, digits, - and _, at most 64")
    return value


def _region_name(value: str) -> str:
    if value == JWKS_URL:
        raise ValueError(
            f"{JWKS_URL} is what an issuer's own URL is called; name the region otherwise"
        )
    return _name(value)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{shown(value)} is no URL: {error}") from None
    if parts.scheme not in ("https", "http") or not host or any(c.isspace() for c in value):
        raise ValueError(f"{shown(value)} is no URL: write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold a user or a password")
    if parts.fragment:
        raise ValueError("a URL must not end in a fragment (#…)")
    return value


def _bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        raise ValueError(
            f"{shown(value)} is no bucket name: 3 to 63 lower-case letters, digits, - and ."
        )
    return value


def _object_key(value: str) -> str:
    if value.startswith("/") or value.endswith("/") or len(value.encode()) > 900:
        raise ValueError(
            "an object key neither begins nor ends with / and is shorter than 900 bytes"
        )
    return value


def _prefix(value: str) -> str:
    if "{" in value or "}" in value:
        raise ValueError(f"{shown(value)} is the prefix of all issuers' state: no placeholders")
    return _object_key(value)


def _alias(value: str) -> str:
    if not _ALIAS.fullmatch(value.replace(ISSUER, "x")):
        raise ValueError(
            f"{shown(value)} is no alias: alias/ expected, then letters, digits, /, - and _"
        )
    if value.startswith("alias/aws/"):
        raise ValueError("alias/aws/ is reserved for keys that AWS manages")
    if len(value.replace(ISSUER, "x" * _NAME_MAX)) > _ALIAS_MAX:
        raise ValueError(f"an alias has {_ALIAS_MAX} characters at most, the issuer's name in it")
    return value


def _wrapping_key(value: str) -> str:
    arn = _KMS_ARN.fullmatch(value)
    name = arn[1].removeprefix("key/") if arn else value
    if name.startswith("alias/"):
        _alias(name)
    elif not _MULTI_REGION.fullmatch(name):
        raise ValueError(
            f"a key of several regions expected: its alias/…, mrk-… id or ARN, not {shown(value)}"
        )
    return value


def _whole_days(value: timedelta) -> timedelta:
    if value % timedelta(days=1) or value.days not in _DELETION:
        raise ValueError(
            f"whole days expected, {_DELETION.start}d to {_DELETION.stop - 1}d, as KMS has it"
        )
    return value


def _cache_control(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"a Cache-Control header expected, not {shown(value)}")
    if reason := refusal(value):
        raise ValueError(f"{reason}; write for example public, max-age=300, or leave it out")
    return _text(value or "")


def _url_path(value: str) -> str:
    if not value.startswith("/") or any(c in "?#*" or c.isspace() for c in value):
        raise ValueError(
            f"the path of a URL expected, such as /{ISSUER}/jwks.json, not {shown(value)}"
        )
    return value


def _matching(pattern: re.Pattern[str], expected: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{expected} expected, not {shown(value)}")
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        raise ValueError(f"an IP address expected, not {shown(value)}") from None


def _ntp_server(value: str) -> str:
    match = _NTP.fullmatch(value)
    if not match or int(match[3] or 1) not in range(1, 65_536):
        raise ValueError(
            f"host or host:port expected, such as time.example.com, not {shown(value)}"
        )
    return value


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


_DURATION_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string", "pattern": _DURATION}, {"const": 0}],
    "description": "500ms, 30s, 15m, 24h, 90d, 1d12h, or ISO 8601 (P90D)",
}

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]
Positive = Annotated[Duration, AfterValidator(_positive)]
VerifierTime = Annotated[
    timedelta | Special,
    BeforeValidator(_verifier_time),
    PlainSerializer(_write_time, return_type=str),
    WithJsonSchema(
        {"anyOf": [*_DURATION_SCHEMA["anyOf"], {"enum": [special.value for special in Special]}]}
    ),
]
History = Annotated[
    Annotated[int, Field(ge=1, le=1000)] | None,
    BeforeValidator(_history),
    PlainSerializer(lambda value: "auto" if value is None else value, return_type=str | int),
    WithJsonSchema(
        {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 1000}]}
    ),
]
Count = Annotated[StrictInt, Field(ge=1, le=1000)]
CountOrNone = Annotated[StrictInt, Field(ge=0, le=100)]
Text = Annotated[StrictStr, AfterValidator(_text)]
Template = Annotated[Text, AfterValidator(_template)]
FolderPath = Annotated[Text, AfterValidator(_path)]
FilePath = Annotated[FolderPath, AfterValidator(_file)]
FileTemplate = Annotated[Template, AfterValidator(_path), AfterValidator(_file)]
Name = Annotated[StrictStr, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME})]
RegionName = Annotated[
    StrictStr, AfterValidator(_region_name), Field(json_schema_extra={"pattern": NAME})
]
Url = Annotated[Text, AfterValidator(_url)]
UrlTemplate = Annotated[Template, AfterValidator(_url)]
Bucket = Annotated[Text, AfterValidator(_bucket)]
ObjectKey = Annotated[Template, AfterValidator(_object_key)]
CacheControl = Annotated[str, BeforeValidator(_cache_control)]
AwsRegion = Annotated[Text, _matching(_AWS_REGION, "an AWS region such as us-east-1")]
RoleArn = Annotated[Text, _matching(_ROLE, "arn:aws:iam::ACCOUNT:role/NAME")]
SessionName = Annotated[Text, _matching(_SESSION, "2 to 64 letters, digits and +=,.@-_")]
ExternalId = Annotated[Text, _matching(_EXTERNAL_ID, "2 to 1224 letters, digits and +=,.@:/-_")]
Prefix = Annotated[Text, AfterValidator(_prefix)]
Alias = Annotated[Text, AfterValidator(_alias)]
WrappingKey = Annotated[Text, AfterValidator(_wrapping_key)]
Distribution = Annotated[
    Text, _matching(_DISTRIBUTION, "the id of a distribution such as E1A2B3C4D5E6F7")
]
UrlPath = Annotated[Template, AfterValidator(_url_path)]
DeletionWindow = Annotated[Duration, AfterValidator(_whole_days)]
Address = Annotated[Text, AfterValidator(_address)]
NtpServer = Annotated[Text, AfterValidator(_ntp_server)]
Samples = Annotated[StrictInt, Field(ge=1, le=20)]
EMPTY_WHEN_NULL = BeforeValidator(_none_is_empty)
"""A section whose lines are all commented out says nothing, which is not an error."""
