"""Talking to a running Millwright over HTTP, as any other client does."""
