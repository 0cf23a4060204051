"""The proof of the path policy: real frameworks and servers, random spellings, one oracle.

The oracle is the application itself, unprotected. The policy has to guard the handler that a
request reaches there, however the request is spelled.
"""
