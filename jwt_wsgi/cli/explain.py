"""`explain`: every check of one request, and the response that it would get."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from jwt_wsgi.cli.applications import app_option, load_stack, printing_to_errors
from jwt_wsgi.cli.evidence import proof_option, read_certificate, read_proof
from jwt_wsgi.cli.explanation_output import Result, document_of, print_result
from jwt_wsgi.cli.issuer_options import IssuerOptions, issuer_options
from jwt_wsgi.cli.output import print_json, show_progress
from jwt_wsgi.cli.possession_options import PossessionOptions, possession_options
from jwt_wsgi.cli.provider_presets import preset_option
from jwt_wsgi.cli.published_keys import published_keys_of
from jwt_wsgi.cli.request_input import Request, request_from
from jwt_wsgi.cli.shared_options import json_option, load_policy, policy_option, usage_errors
from jwt_wsgi.cli.times import at_option, clock_at
from jwt_wsgi.cli.tokens import read_input, reads_standard_input, token_options
from jwt_wsgi.explain import Explainer, Explanation
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import single_sources
from jwt_wsgi.sources import TokenSource, parse_sources
from jwt_wsgi.stores import MemoryStore

# An issuer for requests without a token. Nothing is fetched for them.
_NOBODY = "https://issuer.invalid/"


@click.command(short_help="Show each check of one request, and the response.")
@app_option
@policy_option
@click.option(
    "--issuer", "issuer_name", metavar="URL", help="The issuer, exactly as it stands in tokens."
)
@preset_option
@issuer_options
@click.option(
    "--token-sources",
    metavar="TEXT",
    help="Where a token may stand: bearer, header:NAME, cookie:NAME, separated by spaces.",
)
@click.option(
    "--cookie-origin",
    "cookie_origins",
    metavar="URL",
    multiple=True,
    help="An origin whose requests may use the cookie of --token-sources; repeatable.",
)
@possession_options
@token_options
@proof_option
@click.option("--certificate", metavar="FILE", help="The client's certificate, in PEM or DER.")
@click.option("--no-token", is_flag=True, help="Explain the request without a token.")
@click.option(
    "--mount", default="", metavar="PATH", help="SCRIPT_NAME, where the application is mounted."
)
@at_option
@json_option
@click.argument("method", required=False)
@click.argument("path", required=False)
def explain(
    application: str | None,
    policy_file: str | None,
    issuer_name: str | None,
    preset: str | None,
    token_sources: str | None,
    cookie_origins: tuple[str, ...],
    token_file: str | None,
    token_env: str | None,
    proof: str | None,
    certificate: str | None,
    no_token: bool,
    mount: str,
    at: float | None,
    as_json: bool,
    method: str | None,
    path: str | None,
    options: IssuerOptions,
    possession: PossessionOptions,
) -> None:
    """Show how the request METHOD PATH is decided: each check, and the response.

    The input is a token, header lines, a whole request, or a curl command; the last two have
    METHOD and PATH in them. A curl command is read, and not executed.

    With --app, policy, issuers and all options are those of the application. Its module is
    imported, so its code runs; the application is not called.

    A DPoP proof is not used up. A proof that was used before is noticed with --app, if the
    application has a shared store.

    The exit status is 0 if the request would reach the application, and 1 if it is refused.
    """
    _check_inputs(token_file, token_env, proof, no_token=no_token)
    if application is not None:
        others: dict[str, object] = {
            "--policy": policy_file,
            "--issuer": issuer_name,
            "--preset": preset,
            **possession.given(),
        }
        others["--token-sources"] = token_sources
        others["--cookie-origin"] = next(iter(cookie_origins), None)
        options.check_alone(others)
        explainer = _explainer_of(application, at)
    elif policy_file is not None:
        policy = load_policy(policy_file)
        issuer = _issuer(issuer_name, preset, options, no_token=no_token)
        sources = _sources(token_sources, cookie_origins)
        dpop = possession.dpop()
        with usage_errors():
            explainer = Explainer(
                issuer,
                policy,
                clock=clock_at(at),
                token_sources=sources,
                dpop=dpop,
                client_certificate=possession.client_certificate(is_given=certificate is not None),
            )
    else:
        raise click.UsageError(
            "--app: write the application, such as shop.wsgi:application; or write --policy with a"
            " TOML file"
        )
    sent_proof = read_proof(proof)
    _check_expects_proof(explainer, sent_proof)
    given = None if no_token else read_input(token_file, token_env).with_proof(sent_proof)
    request = request_from(method, path, mount, given)
    result = _explain(explainer, request, read_certificate(certificate), application)
    if as_json:
        print_json(document_of(result))
    else:
        print_result(result)
    raise click.exceptions.Exit(0 if result.allowed else 1)


def _check_inputs(
    token_file: str | None, token_env: str | None, proof: str | None, *, no_token: bool
) -> None:
    if no_token and (token_file or token_env or proof):
        raise click.UsageError(
            "--no-token: remove it, or remove --token-file, --token-env and --proof"
        )
    if proof == "-" and reads_standard_input(token_file, token_env):
        raise click.UsageError(
            "--proof -: standard input has the token; write --proof @FILE, or name the token's "
            "place with --token-file or --token-env"
        )


def _check_expects_proof(explainer: Explainer, proof: str | None) -> None:
    """Refuse a proof that nothing would look at."""
    verifier = explainer.verifier
    if proof is not None and (verifier is None or verifier.dpop is None):
        raise click.UsageError(
            "--proof: this API checks no proofs; write --dpop-base-url with its public base URL, "
            "or leave out the proof"
        )


def _explainer_of(application: str, at: float | None) -> Explainer:
    return Explainer.of(load_stack(application).app, clock=None if at is None else clock_at(at))


def _sources(text: str | None, origins: tuple[str, ...]) -> tuple[TokenSource, ...] | None:
    """Return the places of the token, or None for the header Authorization alone."""
    if text is None:
        if origins:
            raise click.UsageError(
                "--cookie-origin: name the cookie, such as --token-sources 'cookie:__Host-session'"
            )
        return None
    try:
        return parse_sources(text, origins)
    except ValueError as error:
        raise click.UsageError(f"--token-sources: {error}") from None


def _issuer(
    name: str | None, preset: str | None, options: IssuerOptions, *, no_token: bool
) -> Issuer:
    if name is not None and preset is not None:
        raise click.UsageError("--issuer and --preset: use only one of them")
    if preset is not None:
        return options.preset_issuer(preset)
    if name is not None and not (no_token and options.given() is None):
        return options.issuer(name, options.keys(name))
    if no_token:
        return Issuer(_NOBODY, audience=ANY_AUDIENCE)
    raise click.UsageError(
        "--issuer: write the issuer, exactly as it stands in tokens; or --preset, --app or "
        "--no-token"
    )


def _explain(
    explainer: Explainer, request: Request, certificate: bytes | None, application: str | None
) -> Result:
    with show_progress("judging the request"), printing_to_errors(), _without_decision_log():
        try:
            explanation = explainer.explain(request.environ(), certificate=certificate)
        except Exception as error:  # noqa: BLE001 (a user's get_token may raise anything)
            # The type alone: the text of the exception may quote the token.
            raise click.UsageError(
                f"the application's own code raises {type(error).__name__} for this request, so "
                "its server answers 500; look at get_token and the middleware in front"
            ) from None
        problem = _keys_problem(explanation)
    return Result(
        request,
        explanation,
        problem,
        application,
        explainer.passed_over,
        _is_replay_unknown(explainer, request, explanation, application),
    )


def _is_replay_unknown(
    explainer: Explainer, request: Request, explanation: Explanation, application: str | None
) -> bool:
    """Return True if a proof was good, and only the running API knows if it was used before."""
    verifier = explainer.verifier
    if verifier is None or verifier.dpop is None or not request.has_proof:
        return False
    passed = {step.name for step in explanation.steps if step.passed}
    if "possession" not in passed:
        return False
    return application is None or isinstance(verifier.dpop.replay, MemoryStore)


def _keys_problem(explanation: Explanation) -> str | None:
    """Return why the keys could not be fetched, if that decided the request."""
    reasons = (explanation.reason, explanation.would_be)
    if "keys_unavailable" not in reasons or not isinstance(explanation.issuer, Issuer):
        return None
    for source in single_sources(explanation.issuer.keys):
        if isinstance(source, RemoteJWKS):
            # Asked once more, because the status has no more than the name of the failure.
            problem = published_keys_of(source, explanation.issuer.issuer).problem
            return problem or source.status().last_error or "no answer in time"
    return None


@contextmanager
def _without_decision_log() -> Iterator[None]:
    """Keep the decision out of the application's log files: nobody made this request."""
    logger = logging.getLogger("jwt_wsgi.decision")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = was_disabled
