"""The proof of the path policy: real frameworks and servers, one generator of spellings, one oracle.

The oracle is the application itself, unprotected: what it reaches with a request is
what the policy has to guard, however the request was spelled.
"""
