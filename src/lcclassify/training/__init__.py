"""Training: splits, data modules, fits, cross-validation and stacking."""
