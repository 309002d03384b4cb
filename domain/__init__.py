"""Pure rules: the standard library and msgspec, nothing else."""
