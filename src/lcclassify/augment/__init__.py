"""Training objects drawn anew: canonical light curves in, others like them out."""
