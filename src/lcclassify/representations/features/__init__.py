"""Features of whole light curves, in sets that a representation chooses from."""
