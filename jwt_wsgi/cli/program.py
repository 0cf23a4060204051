"""The program: all commands in one group, exit statuses and error messages."""

import logging
import sys
from typing import Any, NoReturn

import click

from jwt_wsgi.cli.check import check
from jwt_wsgi.cli.explain import explain
from jwt_wsgi.cli.inspect import inspect
from jwt_wsgi.cli.issuer import issuer
from jwt_wsgi.cli.keys import keys
from jwt_wsgi.cli.output import escape_error
from jwt_wsgi.cli.proof import proof
from jwt_wsgi.cli.revoke import revoke
from jwt_wsgi.cli.routes import routes

#: The exit status after Ctrl-C, as shells report it: 128 plus SIGINT.
INTERRUPTED = 130


class Program(click.Group):
    """A group of commands that always ends with an exit status, and reports errors on one line."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run the program and exit; like `click.Command.main`, but it ignores `standalone_mode`."""
        # The answers contain what the library logs about a request.
        logging.getLogger("jwt_wsgi").addHandler(logging.NullHandler())
        options["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **options))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except click.ClickException as error:
            click.echo(_format_error(error), err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(INTERRUPTED)


def _format_error(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    command = "jwt-wsgi" if context is None else context.command_path
    # A token that was given as an argument by mistake must not be repeated.
    return f"{command}: {escape_error(error.format_message(), context, 2000)}"


@click.group(
    cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="jwt-wsgi")
def program() -> None:
    """Explain requests, inspect tokens and keys, and check policies of jwt-wsgi.

    The exit status is 0 for success, 1 for a negative answer, and 2 for a usage error. A token
    is read from --token-file, from an environment variable, or from standard input.
    """


for command in (explain, inspect, keys, check, routes, revoke, issuer, proof):
    program.add_command(command)
