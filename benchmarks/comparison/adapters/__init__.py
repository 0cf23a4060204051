"""One module for each library: how its own documentation says that a resource server uses it."""
