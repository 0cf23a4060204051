"""Pure: the proof that a client holds the key to which its token is bound (RFC 9449)."""
