"""A seeded LSST-like sky: cadence, noise, sources and populations."""
