"""Which issuer a token's `iss` picks: a configured one, or one that a resolver names."""

import copy
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.options import must

logger = logging.getLogger("jwt_wsgi.issuers")

#: An unverified `iss` in, the `Issuer` of that name out, or None for one that is not trusted.
Resolver = Callable[[str], Issuer | None]

#: How many answers of either kind are remembered, and for how many seconds.
MAX_ANSWERS, REMEMBERED_FOR = 10_000, 60.0
#: Characters of a name that a resolver is asked for.
MAX_NAME = 2048

_Answers = OrderedDict[str, tuple[Issuer | None, float]]


class IssuerRegistry:
    """Configured issuers by their names, and resolvers for those not known at the start.

    A resolver is asked for https URLs alone, before anything is fetched. Yes and
    no are remembered apart, so that invented names push no tenant out. The keys
    of an issuer that it names without `keys` are discovered at public addresses
    only. `clock` is in seconds and monotonic.
    """

    def __init__(self, issuers: object, clock: Callable[[], float] = time.monotonic) -> None:
        listed = tuple(issuers) if isinstance(issuers, Iterable) else (issuers,)
        must(listed != (), "issuers is empty: name at least one Issuer")
        self._clock = clock
        self._yes, self._no = _Answers(), _Answers()
        self.configured: dict[str, Issuer] = {}
        self.resolvers: list[Resolver] = []
        for each in listed:
            if isinstance(each, Issuer):
                must(
                    each.issuer not in self.configured,
                    f"issuer {each.issuer!r} twice: one has several audiences",
                )
                self.configured[each.issuer] = each
            else:
                fits = callable(each) and not isinstance(each, type)
                must(
                    fits,
                    f"issuers holds {each!r}: write Issuer(url, audience=...), or a resolver of such",
                )
                self.resolvers.append(each)

    def get(self, name: str) -> Issuer | None:
        """The trusted issuer of this name, or None; raises `KeysUnavailable` where a resolver raises."""
        if name in self.configured or not self.resolvers:
            return self.configured.get(name)
        now = self._clock()
        for answers in (self._yes, self._no):
            issuer, until = answers.get(name, (None, now))
            if now < until:
                return issuer
        issuer = self._resolved(name) if _may_be_asked_for(name) else None
        answers = self._no if issuer is None else self._yes
        # Each step is atomic: threads need no lock here, and a fork finds none held.
        answers.pop(name, None)
        answers[name] = (issuer, now + REMEMBERED_FOR)
        if len(answers) > MAX_ANSWERS:
            answers.popitem(last=False)
        return issuer

    def _resolved(self, name: str) -> Issuer | None:
        try:
            issuer = next(filter(None, (resolve(name) for resolve in self.resolvers)), None)
        except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
            logger.error("a resolver raised %s; refusing", type(error).__name__)
            raise KeysUnavailable from None
        if not isinstance(issuer, Issuer) or issuer.issuer != name:
            return None
        if issuer.discovers:
            issuer, (before, _) = copy.copy(issuer), self._yes.get(name, (None, 0))
            # The keys that are held survive another look at who is trusted.
            issuer.keys = before.keys if before else RemoteJWKS.discovered(name, public_only=True)
        return issuer


def _may_be_asked_for(name: str) -> bool:
    try:
        Location(None, issuer=name)
    except ValueError:
        return False
    return name.startswith("https://") and len(name) <= MAX_NAME
