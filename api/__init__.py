"""The Litestar application: authenticates, validates and accepts."""
