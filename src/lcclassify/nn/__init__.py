"""Networks, losses, stacking heads and fitted input transforms as plain modules."""
