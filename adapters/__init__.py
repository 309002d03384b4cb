"""The edge: settings, clock, stores, queue, logs."""
