"""Hydra's plugin of lcclassify: the sweeper of hyperparameter searches."""
