"""The commands in one program: what its exit status says, and how it ends."""

import logging
import re
import sys
from typing import Any, NoReturn

import click

from jwt_wsgi.cli.check import check
from jwt_wsgi.cli.explain import explain
from jwt_wsgi.cli.inspect import inspect
from jwt_wsgi.cli.issuer import issuer
from jwt_wsgi.cli.keys import keys
from jwt_wsgi.cli.output import plain
from jwt_wsgi.cli.routes import routes

#: What a shell says of a program that Ctrl-C ended: 128 and SIGINT.
INTERRUPTED = 130
# A token put where none belongs is not repeated.
_TOKEN = re.compile(r"eyJ[\w.-]{6,}")


class Program(click.Group):
    """A group whose every ending is an exit status, and whose every complaint is one sentence."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run the arguments and exit; as `click.Command.main`, but for `standalone_mode`, which is its own."""
        # What the library logs about a request, the answer says.
        logging.getLogger("jwt_wsgi").addHandler(logging.NullHandler())
        try:
            sys.exit(super().main(*args, **{**options, "standalone_mode": False}))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            where = context.command_path if context else "jwt-wsgi"
            click.echo(
                f"{where}: {plain(_TOKEN.sub('eyJ…', error.format_message()), 2000)}", err=True
            )
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(INTERRUPTED)


@click.group(
    cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="jwt-wsgi")
def program() -> None:
    """Explain requests, look at tokens and keys, and check policies of jwt-wsgi.

    The exit status is 0, 1 for a negative answer, 2 for misuse. A token is read from
    --token-file, from an environment variable, or from standard input.
    """


for command in (explain, inspect, keys, check, routes, issuer):
    program.add_command(command)
