"""Name lookups that end at a deadline, and the check that all addresses are public."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any, Final

from jwt_wsgi.http.addresses import is_public

#: One address of a host, as `socket.getaddrinfo` returns it: family, type, protocol, name, address.
AddressRow = tuple[int, int, int, str, tuple[Any, ...]]


class AddressError(OSError):
    """A host without an address that may be used. The text is a sentence that logs may quote."""


#: A function from a host and a port to the host's addresses.
Lookup = Callable[[str, int], Sequence[AddressRow]]


def _system_lookup(host: str, port: int) -> Sequence[AddressRow]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds the addresses of a host.

    The lookup of the standard library cannot be cancelled, so it runs in a thread of its own. At
    the deadline the fetch goes on without it, and the thread ends when the lookup does.

    Args:
        lookup: Looks a name up. Default: the system's lookup.
        is_public: Returns True for an address that a stranger may name. Default: the list in
            `jwt_wsgi.http.addresses`.
    """

    lookup: Lookup = _system_lookup
    is_public: Callable[[str], bool] = is_public

    def find_addresses(self, host: str, port: int, seconds: float) -> Sequence[AddressRow]:
        """Return the addresses of `host`, in the order in which they should be tried.

        Args:
            host: A host name or an address.
            port: The port to connect to.
            seconds: The longest time for the lookup.

        Raises:
            socket.gaierror: The name is not valid, is unknown, or was not found in time.
            AddressError: No thread can be started.
        """
        if _is_address(host):
            return self.lookup(host, port)
        answer: Future[Sequence[AddressRow]] = Future()
        try:
            arguments = (host, port, answer)
            Thread(target=self._answer, args=arguments, name="jwt_wsgi.lookup", daemon=True).start()
            return answer.result(seconds)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "the name was not found in time") from None
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
        except RuntimeError as error:
            raise AddressError(f"cannot start a thread for the lookup: {error}") from None

    def find_public_addresses(self, host: str, port: int, seconds: float) -> Sequence[AddressRow]:
        """Return the addresses of `host` if all of them are public. Arguments as above.

        Raises:
            socket.gaierror: As above.
            AddressError: An address is not public. The text does not tell which one.
        """
        rows = self.find_addresses(host, port, seconds)
        for row in rows:
            if not self.is_public(str(row[4][0])):
                raise AddressError(
                    f"{host!a:.200} has an address that is not public, and untrusted input may "
                    "have named it (public_only)"
                )
        return rows

    def _answer(self, host: str, port: int, answer: Future[Sequence[AddressRow]]) -> None:
        try:
            answer.set_result(self.lookup(host, port))
        except BaseException as error:  # noqa: BLE001 (it is raised where the answer is awaited)
            answer.set_exception(error)


#: The resolver of the system.
SYSTEM_RESOLVER: Final = Resolver()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
