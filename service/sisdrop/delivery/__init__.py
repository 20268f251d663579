"""Getting a zip onto the server, provably once."""
