"""The command line. Each command loads what it needs when it runs, so that `check` starts in a fraction of a second."""

import sys
from typing import Annotated, Any

import typer

from streams.cli import (
    backtest,
    backup,
    cases,
    duties,
    fleet,
    fleet_import,
    groups,
    history,
    judging,
    keys,
    labels,
    lists,
    members,
    models,
    packs,
    people,
    sealed,
    service,
    shadow,
)
from streams.cli.output import Failure, fail

# As a worker's: something broke, whoever starts it has to start it again.
_BROKEN = 70
app = typer.Typer(
    name="xunqun",
    help="Xunqun 巡群 moderates fleets of work chat groups by their own written rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (service, fleet, judging, history, backtest, people, backup):
    module.register(app)
app.add_typer(packs.app, name="pack")
app.add_typer(fleet_import.app, name="fleet")
app.add_typer(groups.app, name="groups")
app.add_typer(duties.app, name="duties")
app.add_typer(models.app, name="model")
app.add_typer(lists.app, name="lists")
app.add_typer(labels.app, name="labels")
app.add_typer(fleet.topics_app, name="topics")
app.add_typer(fleet.control_app, name="control")
app.add_typer(sealed.app, name="sealed")
app.add_typer(keys.app, name="keys")
app.add_typer(cases.app, name="cases")
app.add_typer(shadow.app, name="shadow")
app.add_typer(members.app, name="member")
app.add_typer(people.review_app, name="review")
app.add_typer(people.dead_letters_app, name="deadletters")


def _version(shown: bool) -> None:
    if shown:
        from importlib.metadata import version

        print(f"xunqun {version('xunqun')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Xunqun 巡群 moderates fleets of work chat groups by their own written rules."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line. Exit codes: 0 done, 1 the thing checked does not hold, 2 wrong use, 70 a service broke."""
    from streams.errors import LoadError, Unavailable, WrongUse
    from streams.logs import take_down, tell_end
    from streams.settings import SettingsError

    try:
        return app(arguments)
    except Failure as error:
        fail(str(error), code=error.code)
    except (LoadError, SettingsError, WrongUse) as error:
        fail(str(error), code=2)
    except Unavailable as error:
        fail(str(error), code=1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            fail(f"{error.filename}: {error.strerror}; name another file or folder, or see to its permissions", code=2)
        # Where there is a log, the text of an error may hold a message.
        if not tell_end(error):
            raise
        sys.exit(_BROKEN)
    finally:
        take_down()
