"""What `runbooks/access-denied.md` and `docs/aws.md` say of the policies is so."""

from __future__ import annotations

import re

from tests.configs.policies import FOLDER, IDENTITY, RESOURCE, load

ROOT = FOLDER.parents[1]
ROW = re.compile(r"^\| `(\w+:\w+)` \| `(\w+)` \|", re.MULTILINE)


def test_the_runbook_has_every_action_with_every_statement_that_allows_it():
    told = ROW.findall((ROOT / "runbooks" / "access-denied.md").read_text("utf-8"))
    statements = [each for name in IDENTITY for each in load(name).statements]
    allowed = {(action, each.sid) for each in statements for action in each.actions}
    assert len(told) == len(set(told))
    assert set(told) == allowed - {("s3:GetObject", "ReadSigningTarget")}  # beside the other one


def test_the_page_has_every_policy_of_a_role_and_no_other_file():
    page = (ROOT / "docs" / "aws.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)\.json` \|", page, re.MULTILINE)
    assert rows == [*IDENTITY, "trust"]
    named = set(re.findall(r"`([\w-]+)\.json`", page)) - {"signing"}
    assert named <= {*IDENTITY, *RESOURCE}
