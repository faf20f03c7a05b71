"""`rotator doctor`: what it prints, its document, how it exits, and which doctors a configuration gets."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.aws_doctor import AwsDoctor, BucketUse, KmsUse, Purpose, WrappingUse
from rotator.app.doctor.report import DoctorReport
from rotator.aws import AwsAccess, AwsClients
from rotator.config.load import load
from rotator.config.settings import AwsSpec
from rotator.doctors import LazyAwsDoctor, doctors_for
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.jwk import Algorithm
from rotator.domain.state import IssuerState
from rotator.ports import Examination
from rotator.render.json_out import doctor_document
from rotator.render.text.doctor import doctor_text
from rotator.render.text.screen import to_string
from tests.cli.runner import CONFIG, Cli
from tests.fakes.clock import START, FakeClock
from tests.render.schemas import valid
from tests.render.snapshots import matches


def test_a_sound_folder_exits_0_before_and_after_its_first_keys(cli: Cli) -> None:
    assert "nothing stands in the way" in cli.ok("doctor")
    cli.first_keys()
    text = cli.ok("doctor")
    assert "accounts  serial" in text
    assert "the private half of" in text


def test_doctor_leaves_nothing_in_a_fresh_folder(cli: Cli) -> None:
    cli.ok("doctor")
    assert [path.name for path in cli.folder.iterdir()] == ["rotator.yaml"]


def test_what_stands_in_the_way_exits_3_and_says_what_to_do(cli: Cli) -> None:
    cli.first_keys()
    (cli.folder / "regions/eu-central-1/accounts/jwks.json").unlink()
    result = cli.run("doctor")
    assert result.code == 3
    assert "something stands in the way: 1 error" in result.out
    line, mend = (
        row for row in result.out.splitlines() if "jwks.json is gone" in row or "who took it" in row
    )
    assert line.split()[:2] == ["✗", "accounts/eu-central-1"]
    assert mend.strip().startswith("→ ")


def test_json_is_one_document_with_every_finding(cli: Cli) -> None:
    cli.first_keys()
    result = cli.run("doctor", "--json")
    document = json.loads(result.out)
    valid("doctor", document)
    assert (result.code, result.err, document["verdict"]) == (0, "", "warning")
    assert {finding["area"] for finding in document["findings"]} == {
        *("versions", "policy", "state", "evidence", "keys", "documents", "clocks")
    }


def test_a_policy_that_cannot_work_is_looked_at_all_the_same(cli: Cli) -> None:
    cli.write_config(CONFIG + "policy: {rotate_every: 1d}\n")
    result = cli.run("doctor")
    assert result.code == 3
    assert "rotate_every 24 h < publish_lead 24 h" in result.out


def test_a_configuration_that_is_none_is_refused(cli: Cli) -> None:
    cli.write_config("version: 2\n")
    assert cli.run("doctor").code == 78


@dataclass
class Ill:
    """A doctor who always finds the same."""

    findings: tuple[Diagnosis, ...]

    def examinations(self, states: Mapping[str, IssuerState]) -> Sequence[Examination]:
        return [Examination(Area.KMS, Place(), "a key", lambda: self.findings)]


@pytest.mark.parametrize(
    ("health", "code"),
    [(Health.OK, 0), (Health.WARNING, 0), (Health.UNKNOWN, 0), (Health.ERROR, 3)],
)
def test_only_an_error_changes_the_exit(cli: Cli, health: Health, code: int) -> None:
    finding = Diagnosis(Area.KMS, Place(), health, "a key is odd", "", "look at it")
    cli.wiring = lambda world: replace(world, doctors=(Ill((finding,)),))
    result = cli.run("doctor")
    assert result.code == code
    assert "a key is odd" in result.out


# ----------------------------------------------------------------------------------------------- how it looks

US, EU = Place("accounts", "us-east-1"), Place("accounts", "eu-central-1")
REPORT = DoctorReport(
    at=START,
    findings=(
        Diagnosis(Area.VERSIONS, Place(), Health.OK, "Python 3.11.7, boto3 1.44.5"),
        Diagnosis(Area.STATE, Place("accounts"), Health.OK, "serial 41, generation 12"),
        Diagnosis(
            Area.STATE,
            Place(),
            Health.WARNING,
            "ci-7:4711 holds the lease",
            "an apply would have to wait for it",
            "let it finish; if that run is dead: rotator state unlock",
        ),
        Diagnosis(Area.KMS, US, Health.OK, "Zr81kQpL (signs) in us-east-1 is enabled"),
        Diagnosis(
            Area.KMS,
            EU,
            Health.ERROR,
            "Zr81kQpL (signs) in eu-central-1 is pending deletion on 2026-01-09T00:00:00Z",
            "its tokens still live, and once it is deleted nothing brings it back",
            "aws kms cancel-key-deletion --key-id arn:aws:kms:eu-central-1:1:key/mrk-1 --region eu-central-1",
        ),
        Diagnosis(
            Area.BUCKETS,
            Place(region="us-east-1"),
            Health.UNKNOWN,
            "cannot look at bucket signing-use1 (signing) in us-east-1",
            "s3:GetBucketPolicyStatus: role applier may not (AccessDenied: no)",
            "grant s3:GetBucketPolicyStatus on arn:aws:s3:::signing-use1 to role applier",
        ),
        *(
            Diagnosis(Area.DOCUMENTS, place, Health.WARNING, "no header", "why", "mend\nit")
            for place in (US, EU, Place("payments", "us-east-1"), Place("payments", "eu-central-1"))
        ),
        *(Diagnosis(Area.DOCUMENTS, US, Health.OK, f"document {n}") for n in range(9)),
    ),
)


def test_the_text_by_area_worst_first_with_a_next_step() -> None:
    matches("doctor", to_string(doctor_text(REPORT), width=100))


def test_the_document_has_what_the_text_sums_up() -> None:
    document = doctor_document(REPORT)
    valid("doctor", document)
    assert len(document["findings"]) == 19
    assert document["verdict"] == "error"


# -------------------------------------------------------------------------------- who is called for what

AWS = """\
version: 1
state: {kind: s3, bucket: states, prefix: team, aws: {region: us-east-1, profile: ops}}
keys: {kind: kms, primary_region: us-east-1}
regions:
  use1:
    aws: {region: us-east-1, profile: ops}
    jwks: {kind: s3, bucket: jwks-use1, key: "{issuer}/jwks.json"}
    signing: {kind: s3, bucket: signing-use1, key: "{issuer}/signing.json"}
  euc1:
    aws: {region: eu-central-1, profile: ops}
    jwks: {kind: s3, bucket: jwks-euc1, key: "{issuer}/jwks.json"}
    signing: {kind: s3, bucket: signing-euc1, key: "{issuer}/signing.json"}
issuers:
  accounts: {url: "https://auth.example.com"}
  payments:
    url: "https://pay.example.com"
    regions: [use1]
    policy: {algorithm: RS256, max_clock_drift: 2s}
    keys: {kind: kms-wrapped, primary_region: us-east-1, wrapping_key: "alias/wrapping"}
"""


def access(spec: AwsSpec) -> AwsAccess:
    return AwsAccess(region=spec.region, profile=spec.profile)


def unused() -> AwsClients:
    raise AssertionError("nothing is asked before a round")


def doctor_of(folder: Path, text: str, clients: Callable[[], AwsClients]) -> tuple[object, ...]:
    path = folder / "rotator.yaml"
    path.write_text(text)
    settings = load(path, {})
    return doctors_for(settings.issuers, settings.state, FakeClock(), access, clients)


def test_a_configuration_of_folders_needs_no_doctor_for_aws(tmp_path: Path) -> None:
    assert doctor_of(tmp_path, CONFIG, unused) == ()


def test_what_of_aws_a_configuration_uses(tmp_path: Path) -> None:
    (lazy,) = doctor_of(tmp_path, AWS, AwsClients)
    assert isinstance(lazy, LazyAwsDoctor)
    us, eu = (AwsAccess(region=r, profile="ops") for r in ("us-east-1", "eu-central-1"))
    doctor = lazy.doctor()
    assert isinstance(doctor, AwsDoctor)
    assert doctor.drift == timedelta(seconds=2)
    assert doctor.keys == (
        KmsUse(
            "accounts", "us-east-1", {"us-east-1": us, "eu-central-1": eu}, "alias/rotator/accounts"
        ),
    )
    assert doctor.wrapping == (
        WrappingUse(
            "payments", "us-east-1", {"us-east-1": us}, "alias/wrapping", Algorithm.RS256, 3072
        ),
    )
    assert set(doctor.buckets) >= {
        BucketUse(Purpose.STATE, us, "states", "team/lease.json"),
        BucketUse(Purpose.JWKS, eu, "jwks-euc1", "accounts/jwks.json", "euc1"),
        BucketUse(Purpose.SIGNING, us, "signing-use1", "accounts/signing.json", "use1"),
        BucketUse(
            Purpose.SIGNING, us, "signing-use1", "payments/signing.json", "use1", wrapped=True
        ),
    }
    asked = {e.area for e in lazy.examinations({"accounts": IssuerState(issuer="accounts")})}
    assert asked == {Area.ACCESS, Area.BUCKETS, Area.KMS}
