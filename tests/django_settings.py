"""Django's settings, which are one for the whole process: whoever makes an application of it imports this first."""

from __future__ import annotations

import logging

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=(),
    LOGGING_CONFIG=None,
    SECRET_KEY="only here",
    MIDDLEWARE=[],
    # It only does something where the middleware is there.
    APPEND_SLASH=True,
)
django.setup()
# A line for every 404 is most of what a run would cost.
logging.getLogger("django").setLevel(logging.CRITICAL + 1)
