"""`make bench`: what we do, measured beside bare rivals that do the same without our promises."""
