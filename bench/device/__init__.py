"""A device that works without a signal: the reference client of docs/offline.md, for the tests and the bench.

It keeps what its user did in a file that survives its own death at any moment, and sends it when it can.
"""
