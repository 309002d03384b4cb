"""`make bench`: our paths measured against bare rivals that do the same work without our promises."""
