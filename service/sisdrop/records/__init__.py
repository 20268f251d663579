"""The record core: framing, checking and cutting patron records."""
