"""The verbs `console` and `console-person`: the web console of a run, and who may sign in."""

import sys
from pathlib import Path

import click

from quanheng.compose.cli_options import file_option
from quanheng.compose.run_folder import RunError

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def checked_address(
    host: str, peers: tuple[str, ...], cert: Path | None, key: Path | None
) -> tuple[str, ...]:
    """Hosts that may connect. UsageError for an address elsewhere without TLS and peers."""
    if (cert is None) != (key is None):
        raise click.UsageError("--cert and --key go together")
    if host not in LOOPBACK and cert is None:
        raise click.UsageError(f"--host {host}: passwords leave this machine only with --cert")
    if host not in LOOPBACK and not peers:
        raise click.UsageError(f"--host {host}: nobody could connect; name the hosts with --peer")
    return ("127.0.0.1", "::1", *peers)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--people", type=click.Path(path_type=Path, dir_okay=False),
              help="Who may sign in: a file made by `quanheng console-person`.")  # fmt: skip
@click.option("--store", envvar="QUANHENG_PEOPLE", help="Or a people store, file or URL.")
@click.option("--store-key", type=click.Path(path_type=Path, dir_okay=False),
              envvar="QUANHENG_PEOPLE_KEY", help="Its key; FILE.key by default.")  # fmt: skip
@click.option("--account", default="", help="The account whose rights count; the run's by default.")
@click.option(
    "--host", default="127.0.0.1", help="Address to listen at; beyond this machine only with TLS."
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8686, help="0 takes a free one.")
@click.option("--peer", "peers", multiple=True, help="A host that may connect; several for more.")
@click.option("--cert", type=click.Path(path_type=Path, dir_okay=False), help="TLS certificate.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Its key.")
@click.option("--hz", type=click.FloatRange(0.2, 10.0), default=2.0, help="Pictures a second.")
@file_option("--posts", "People and posts of the run's authority; the shipped ones by default.")
@click.option("--documents", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of the firm's documents.")  # fmt: skip
@click.option("--ratings", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="What the exchange published: DATA/published of its register.")  # fmt: skip
def console(
    run: Path, people: Path | None, store: str | None, store_key: Path | None, account: str,
    host: str, port: int, peers: tuple[str, ...], cert: Path | None, key: Path | None, hz: float,
    posts: Path | None, documents: Path | None, ratings: Path | None,
) -> None:  # fmt: skip
    """The web console of RUN, a day that runs or one that is over (docs/console.md)."""
    hosts = checked_address(host, peers, cert, key)
    if (people is None) == (store is None):
        raise click.UsageError("either --people FILE or --store, so that somebody can sign in")
    from quanheng.compose.console_run import Door, serve  # the web server loads for this verb alone

    door = Door(people, store or "", store_key, account, hosts)
    try:
        serve(run, door, host, port, cert, key, 1.0 / hz, posts, documents, ratings)
    except OSError as error:
        raise RunError(f"{host} port {port}: {error.strerror}") from error


@click.command("console-person")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("person")
@click.option(
    "--role", "roles", multiple=True, required=True, help="A post; several times for more."
)
@click.option("--name", default="", help="What the screen calls the person.")
@click.option("--second-factor", is_flag=True, help="Ask for a one-time code too.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def console_person(
    file: Path, person: str, roles: tuple[str, ...], name: str, second_factor: bool,
    password_stdin: bool,
) -> None:  # fmt: skip
    """Put PERSON, by the opaque id that commands carry, into FILE with a password."""
    from quanheng.desk.file_access import PeopleFileError, add_person

    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("password", hide_input=True, confirmation_prompt=True)
    try:
        secret = add_person(file, person, roles, name, password, second_factor)
    except PeopleFileError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{file}: {person} {' '.join(roles)}")
    if secret:
        click.echo(f"otpauth://totp/quanheng:{person}?secret={secret}&issuer=quanheng")
