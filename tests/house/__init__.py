"""Tests of what starts, sets up and stops the rest."""
