"""A bounded HTTP client for documents that are fetched from outside."""
