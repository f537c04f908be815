"""Photometric light-curve classification with ensembles of dense and recurrent networks."""
