"""Every consumer accepts every token of every algorithm that it knows, and nothing that is not published.

The table says what each library supports, so that a change in one of them shows here.
"""

from __future__ import annotations

import pytest

from rotator.domain.jwk import Algorithm
from tests.consumers.libraries import CONSUMERS, Answer, Case
from tests.consumers.published import Published, document_of, publish
from tests.servers.webserver import WebServer

ACCEPTS = """
algorithm  pyjwt  joserfc  jose  jwks-rsa
RS256      yes    yes      yes   yes
RS384      yes    yes      yes   yes
RS512      yes    yes      yes   yes
PS256      yes    yes      yes   yes
PS384      yes    yes      yes   yes
PS512      yes    yes      yes   yes
ES256      yes    yes      yes   yes
ES384      yes    yes      yes   yes
ES512      yes    yes      yes   yes
EdDSA      yes    yes      yes   no
Ed25519    no     yes      yes   no
"""
# jsonwebtoken signs and checks no EdDSA under any name; PyJWT does not know the label of RFC 9864, and its client
# leaves a key that carries it out of the set.


def _accepted_by(consumer: str) -> dict[str, bool]:
    head, *rows = (line.split() for line in ACCEPTS.strip().splitlines())
    return {row[0]: dict(zip(head, row, strict=True))[consumer] == "yes" for row in rows}


NOT_IN_THE_SET = {
    "pyjwt": "PyJWKClientError: Unable to find a signing key",
    "joserfc": "InvalidKeyIdError",
    "jose": "JWKSNoMatchingKey",
    "jwks-rsa": "Unable to find a signing key",
}
"""Each library's own words for a kid that the document has not."""

WRONG_SIGNATURE = {
    "pyjwt": "InvalidSignatureError",
    "joserfc": "BadSignatureError",
    "jose": "JWSSignatureVerificationFailed",
    "jwks-rsa": "invalid signature",
}

EVERY_CONSUMER = pytest.mark.parametrize(
    "consumer",
    [
        "pyjwt",
        "joserfc",
        pytest.param("jose", marks=pytest.mark.node),
        pytest.param("jwks-rsa", marks=pytest.mark.node),
    ],
)


@pytest.fixture(scope="module")
def issuers() -> list[Published]:
    """One issuer of each algorithm."""
    return [publish(algorithm) for algorithm in Algorithm]


def _serve(web: WebServer, name: str, document: bytes) -> str:
    (web.directory / name).write_bytes(document)
    return web.url(name)


def _ask(consumer: str, url: str, asked: list[Published]) -> dict[str, Answer]:
    cases = [Case(url, one.token, one.algorithm.value) for one in asked]
    answers = CONSUMERS[consumer](cases)
    return {one.algorithm.value: a for one, a in zip(asked, answers, strict=True)}


def _verdicts(answers: dict[str, Answer]) -> dict[str, bool]:
    return {algorithm: answer.ok for algorithm, answer in answers.items()}


def test_the_table_has_every_algorithm_and_every_consumer() -> None:
    head, *rows = (line.split() for line in ACCEPTS.strip().splitlines())
    assert head == ["algorithm", *CONSUMERS]
    assert [row[0] for row in rows] == [algorithm.value for algorithm in Algorithm]


@EVERY_CONSUMER
def test_tokens_verify_with_the_document_of_their_issuer(
    consumer: str, issuers: list[Published], web: WebServer
) -> None:
    cases = [
        Case(
            _serve(web, f"{one.algorithm.value}.json", one.document), one.token, one.algorithm.value
        )
        for one in issuers
    ]
    answers = CONSUMERS[consumer](cases)
    found = {one.algorithm.value: a.ok for one, a in zip(issuers, answers, strict=True)}
    assert found == _accepted_by(consumer), answers


@EVERY_CONSUMER
def test_keys_of_all_kinds_stand_side_by_side(
    consumer: str, issuers: list[Published], web: WebServer
) -> None:
    """A key that a library cannot use must not keep it from the others: so sets of two kinds work during a change."""
    answers = _ask(consumer, _serve(web, "jwks.json", document_of(issuers)), issuers)
    assert _verdicts(answers) == _accepted_by(consumer), answers


@EVERY_CONSUMER
def test_a_removed_key_verifies_nothing_and_the_others_go_on(
    consumer: str, issuers: list[Published], web: WebServer
) -> None:
    left = [one for one in issuers if one.algorithm is not Algorithm.ES256]
    answers = _ask(consumer, _serve(web, "jwks.json", document_of(left)), issuers)
    assert _verdicts(answers) == _accepted_by(consumer) | {"ES256": False}, answers
    assert NOT_IN_THE_SET[consumer] in answers["ES256"].why


@EVERY_CONSUMER
def test_a_key_that_was_never_published_verifies_nothing(
    consumer: str, issuers: list[Published], web: WebServer
) -> None:
    strangers = [publish(algorithm) for algorithm in (Algorithm.RS256, Algorithm.ES256)]
    answers = _ask(consumer, _serve(web, "jwks.json", document_of(issuers)), strangers)
    assert _verdicts(answers) == {"RS256": False, "ES256": False}
    assert all(NOT_IN_THE_SET[consumer] in answer.why for answer in answers.values()), answers


@EVERY_CONSUMER
def test_the_kid_of_a_published_key_does_not_help_a_stranger(
    consumer: str, issuers: list[Published], web: WebServer
) -> None:
    genuine = next(one for one in issuers if one.algorithm is Algorithm.ES256)
    stranger = publish(Algorithm.ES256)
    head = genuine.token.split(".")[0]
    forged = ".".join((head, *stranger.token.split(".")[1:]))
    url = _serve(web, "jwks.json", document_of(issuers))
    (answer,) = CONSUMERS[consumer]([Case(url, forged, "ES256")])
    assert not answer.ok
    assert WRONG_SIGNATURE[consumer] in answer.why
