"""`rotator revoke KID | --all-keys ISSUER`."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.app.world import World
from rotator.cli import exits
from rotator.cli.asking import answer
from rotator.cli.options import Json, Yes
from rotator.cli.output import as_text, print_blocks, print_document
from rotator.cli.reporter import put
from rotator.cli.session import Session, require_person, session
from rotator.errors import Declined, StateConflict, StateError, UsageError
from rotator.render.words import count

if TYPE_CHECKING:
    from rotator.app.danger import Danger
    from rotator.app.revoke import Chosen
    from rotator.domain.plan import Plan

_WITHOUT = "where the state cannot be had, go by the regions alone: the same with --without-state"


def command(
    ctx: typer.Context,
    kid: Annotated[
        str | None,
        typer.Argument(metavar="KID", help="The compromised key (six characters are enough)."),
    ] = None,
    all_keys: Annotated[
        str | None,
        typer.Option(metavar="ISSUER", help="Every key of this issuer: a compromised host."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; it is kept and shown.")
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it all and change nothing: for drills.")
    ] = False,
    no_standby: Annotated[
        bool,
        typer.Option(
            "--no-standby", help="Go on without a warm standby: tokens are rejected for a while."
        ),
    ] = False,
    without_state: Annotated[
        bool,
        typer.Option("--without-state", help="Go by the regions alone, where the state is gone."),
    ] = False,
    restart_list: Annotated[
        bool,
        typer.Option("--restart-list", help="Only list what believes it until it is restarted."),
    ] = False,
    json: Json = False,
) -> int:
    """Withdraw a compromised key everywhere at once; the standby signs first. Outweighs holds and every gate."""
    how = _How(yes=yes, dry_run=dry_run, cold=no_standby, lists=restart_list, json=json)
    _check(kid, all_keys, reason, how)
    run = session(ctx)
    run.aside = how.only_looks
    world = run.world(feasible=False)
    if without_state:
        world = run.made = _without_state(run, world)
    try:
        return _carry_out(run, world, _chosen(world, kid, all_keys), reason or "a drill", how)
    except StateError as error:
        if without_state or isinstance(error, StateConflict):
            raise
        raise type(error)(error.message, detail=error.detail, hint=_WITHOUT) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How the command line wants it."""

    yes: bool
    dry_run: bool
    cold: bool
    lists: bool
    json: bool

    @property
    def only_looks(self) -> bool:
        """Whether nothing will be changed."""
        return self.dry_run or self.lists


def _check(kid: str | None, all_keys: str | None, reason: str | None, how: _How) -> None:
    if (kid is None) == (all_keys is None):
        raise UsageError(
            "one key, or all keys of an issuer",
            hint="rotator revoke KID --reason TEXT, or rotator revoke --all-keys ISSUER --reason TEXT",
        )
    if not how.only_looks and not (reason or "").strip():
        raise UsageError("a revoke needs a reason", hint="--reason TEXT: it is kept and shown")
    if not (how.yes or how.only_looks):
        require_person("look first with --dry-run, then say --yes")


def _without_state(run: Session, world: World) -> World:
    from rotator.app.without_state import remake
    from rotator.bootstrap import stateless

    words = "the state is not used; it catches up from the regions at the next run that has it"
    run.reporter.warn(words)
    with run.looking():
        return remake(stateless(world))


def _chosen(world: World, kid: str | None, all_keys: str | None) -> "Chosen":
    from rotator.app.revoke import choose, choose_all

    return choose(world, kid) if kid is not None else choose_all(world, all_keys or "")


def _carry_out(run: Session, world: World, chosen: "Chosen", reason: str, how: _How) -> int:
    from rotator.app.danger import Wanted
    from rotator.app.revoke import carry_out, preview, require_successor

    wanted = Wanted(reason=reason, owner=world.owner, cold=how.cold)
    with run.looking():
        danger = preview(world, chosen, wanted)
    if how.lists:
        return _list(run, chosen, danger, json=how.json)
    _show(run, danger, how)
    if how.dry_run:
        return exits.DONE
    require_successor(danger, wanted)
    if not how.yes:
        _confirm(danger, all_keys=chosen.whole_issuer, aside=how.json)

    def told(plan: "Plan") -> None:
        run.reporter.progress(f"{count(plan.due, 'step')} due")

    report = carry_out(world, chosen, wanted, on_plan=told)
    run.over(report.left, report.failed)
    if how.json:
        from rotator.render.revoke_json import report_document

        print_document(report_document(report))
    else:
        from rotator.render.text.revoke import report_text

        print_blocks(report_text(report, run.zone), run.environ)
    return exits.of_revoke(report)


def _show(run: Session, danger: "Danger", how: _How) -> None:
    """Show what it would mean; on stderr when stdout is to hold nothing but JSON."""
    from rotator.render.revoke_json import danger_document
    from rotator.render.text.revoke import danger_text

    if how.json and how.dry_run:
        print_document(danger_document(danger))
    elif not (how.json and how.yes):
        stream = sys.stderr if how.json else sys.stdout
        text = danger_text(danger, run.zone, drill=how.dry_run)
        put(stream, as_text(text, stream, run.environ))


def _list(run: Session, chosen: "Chosen", danger: "Danger", *, json: bool) -> int:
    from rotator.render.revoke_json import restarts_document
    from rotator.render.text.revoke import restarts_text

    if json:
        print_document(restarts_document(danger.issuer, chosen.kids, danger.restarts))
    else:
        print_blocks(restarts_text(danger), run.environ)
    return exits.DONE


def _confirm(danger: "Danger", *, all_keys: bool, aside: bool) -> None:
    """Have the kid typed (of all keys, the issuer's name): a yes is said too easily. Raises Declined."""
    from rotator.app.token import SHORTEST_PREFIX

    what = "the issuer's name" if all_keys else "the kid"
    typed = answer(f"  Type {what} to go on: ", aside=aside, otherwise="nothing was revoked")
    kid = danger.keys[0].kid
    named = typed == danger.issuer
    if not (named if all_keys else len(typed) >= SHORTEST_PREFIX and kid.startswith(typed)):
        raise Declined("nothing was revoked", detail=f"{what} was not typed")
