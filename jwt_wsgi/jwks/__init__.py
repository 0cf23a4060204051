"""Where verification keys come from: at hand (static), fetched (remote), in order (source)."""
