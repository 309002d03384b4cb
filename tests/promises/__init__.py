"""One test or more for each numbered sentence of the design: docs/promises.md is the table."""
