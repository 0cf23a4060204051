"""Revocation that holds on every worker: a deny list, and a receiver of security events."""

from jwt_wsgi.revocation.deny_list import DenyList
from jwt_wsgi.revocation.receiver import EventReceiver, ReceivedEvent

__all__ = ["DenyList", "EventReceiver", "ReceivedEvent"]
