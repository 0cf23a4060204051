"""Paths that honest clients send, and the way to the templates behind them."""
