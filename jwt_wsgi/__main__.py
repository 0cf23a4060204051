"""`python -m jwt_wsgi`, and the script `jwt-wsgi`."""

import importlib.util
import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    The exit status is 0 for success, 1 for a negative answer, 2 for a usage error, and 130 after
    Ctrl-C.

    Args:
        arguments: The arguments after the program's name, by default those of the process.
    """
    missing = [name for name in ("click", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"jwt-wsgi: {' and '.join(missing)} not installed: run pip install 'jwt-wsgi[cli]'\n"
        )
        sys.exit(2)
    from jwt_wsgi.cli.program import program

    program.main(arguments, prog_name="jwt-wsgi")


if __name__ == "__main__":
    main()
