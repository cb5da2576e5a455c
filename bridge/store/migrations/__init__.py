"""Numbered migrations; only `serve` runs them."""
