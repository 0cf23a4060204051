"""The stack as a filter of PasteDeploy, configured by the text of an `.ini` file.

    [filter:jwt]
    use = egg:jwt-wsgi
    issuer = https://tenant.example.com/
    audience = https://api.example.com
    policy = %(here)s/policy.toml

A wrong setting is an error when the file is loaded, before anything is served.
"""

from jwt_wsgi.paste.factories import filter_app_factory, filter_factory

__all__ = ["filter_app_factory", "filter_factory"]
