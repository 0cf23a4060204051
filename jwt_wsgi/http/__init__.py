"""A bounded HTTP client for documents from outside: key sets and metadata."""
