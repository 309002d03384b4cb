"""What several kinds of test share: seeded commands, drains, real processes, oracles."""
