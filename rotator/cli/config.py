"""`rotator config check|schema|show`."""

import typer

from rotator.cli import exits
from rotator.cli.output import print_document, print_text
from rotator.cli.session import session
from rotator.render.words import clean, count

group = typer.Typer(help="The configuration: validated, described, explained.")


@group.command("check")
def check(ctx: typer.Context) -> int:
    """Validate everything, and the policies' own numbers (T7, T8). Exit 78 when it is refused."""
    from rotator.config.load import require_feasible
    from rotator.config.show import explain

    settings = session(ctx).settings()
    require_feasible(settings)
    if settings.daemon.where:
        from rotator.cli.serving import schedule_of

        schedule_of(settings)
    rows = [f"{settings.path} is fine: {count(len(settings.issuers), 'issuer')}"]
    for issuer in explain(settings):
        rows += [issuer.name, *(f"  ✓ {rule}" for rule in issuer.rules)]
    rows += [f"warning: {warning}" for warning in settings.warnings]
    rows += [f"note: {note}" for note in settings.notes]
    print_text("".join(f"{clean(row)}\n" for row in rows))
    return exits.DONE


@group.command("schema")
def schema() -> int:
    """Print the JSON Schema of the configuration, for editors."""
    from rotator.config.schema import schema as describe

    print_document(describe())
    return exits.DONE


@group.command("show")
def show(ctx: typer.Context) -> int:
    """Print the effective policy of each issuer with the source of every number."""
    from rotator.config.show import show as show_all

    print_text(show_all(session(ctx).settings()))
    return exits.DONE
