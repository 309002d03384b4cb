"""When things happen by themselves: one file is one schedule, found by walking this package."""
