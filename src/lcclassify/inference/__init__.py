"""From a saved bundle and light curves to probabilities in a file."""
