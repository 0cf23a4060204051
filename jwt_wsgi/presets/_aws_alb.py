"""The preset for Application Load Balancers of AWS."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jose.claim_lookup import ClaimName
from jwt_wsgi.jwks.remote_pem import RemotePEM
from jwt_wsgi.presets._named_values import is_one_of, names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_both

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
#: China and the isolated regions do not have the domain of the documented hosts.
_OTHER_DOMAINS: Final = ("cn-", "us-iso", "eu-iso")
_ARN: Final = re.compile(
    r"arn:aws(?:-[a-z]+)*:elasticloadbalancing:(?P<region>[a-z0-9-]+):[0-9]{12}:"
    r"loadbalancer/app/[A-Za-z0-9-]+/[0-9a-f]+"
)


def aws_alb(
    region: str,
    load_balancer_arn: str,
    *,
    issuer: str,
    client_ids: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the tokens that a load balancer makes about its users.

    An Application Load Balancer that authenticates users sends their claims to the application in
    the header `x-amzn-oidc-data`: write `token_sources=[from_header("x-amzn-oidc-data")]`. The
    token is signed by the load balancer with ES256, and its segments are padded. It has no
    audience; the preset requires the load balancer as `signer`, the client as `client` and the
    identity provider as `iss` in its header. `iss` and `exp` are also required in the payload. The
    keys of all load balancers of a region are at one place, so `signer` alone tells yours from
    others.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html

    Args:
        region: The region of the load balancer, such as `eu-west-1`.
        load_balancer_arn: The ARN of the load balancer, which begins with
            `arn:aws:elasticloadbalancing:`.
        issuer: The issuer of the identity provider, as the listener's rule has it; for Amazon
            Cognito, `https://cognito-idp.<region>.amazonaws.com/<pool ID>`.
        client_ids: The ID of the client with which the load balancer logs users in, or several.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`. `header` adds required members.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if options.get("padded", True) is not True:
        raise ValueError("padded=: load balancers pad their tokens; leave it out")
    _check_region(region, has_keys=options.get("keys") is not None)
    required: dict[ClaimName, Any] = {
        "signer": _check_arn(load_balancer_arn, region),
        "client": _one_of(client_ids),
        "iss": issuer,
    }
    header = require_both("header", required, options.get("header"))
    combined: IssuerOptions = {
        "algorithms": ("ES256",),
        **options,
        "header": header,
        "padded": True,
    }
    return preset_issuer(
        issuer,
        audience=ANY_AUDIENCE,
        provider_keys=_keys(region, fetch),
        claims={},
        fetch=fetch,
        options=combined,
    )


def _keys(region: str, fetch: Fetch | None) -> RemotePEM:
    if region.startswith("us-gov-"):
        bucket = f"aws-elb-public-keys-prod-{region}"
        return RemotePEM(f"https://s3-{region}.amazonaws.com/{bucket}/{{kid}}", fetch=fetch)
    return RemotePEM(f"https://public-keys.auth.elb.{region}.amazonaws.com/{{kid}}", fetch=fetch)


def _check_region(region: str, *, has_keys: bool) -> None:
    if not isinstance(region, str) or _REGION.fullmatch(region) is None:
        raise ValueError(f"region={region!r}: write eu-west-1")
    if region.startswith(_OTHER_DOMAINS) and not has_keys:
        raise ValueError(
            f"region={region!r}: the host of its keys is not known here; name it, "
            "keys=RemotePEM('https://…/{kid}')"
        )


def _check_arn(arn: str, region: str) -> str:
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if match is None or match["region"] != region:
        raise ValueError(
            f"load_balancer_arn={arn!r:.200}: write the ARN of an Application Load Balancer in "
            f"{region}, arn:aws:elasticloadbalancing:{region}:<account>:loadbalancer/app/…"
        )
    return arn


def _one_of(client_ids: str | Iterable[str]) -> str | Callable[[Any], bool]:
    """Return the required value of the header's `client`: one name, or a predicate."""
    names = names_of("client_ids", client_ids, "name the clients that may call")
    return names[0] if len(names) == 1 else is_one_of(names)
