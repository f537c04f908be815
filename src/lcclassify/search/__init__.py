"""Searches hyperparameters: spaces, samplers, studies, trials and their results."""
