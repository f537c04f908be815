"""What processes of a training import late, for the server that they are forked from.

Nothing imports this module but that server. Each process would otherwise spend half a second
to a second on it.
"""

import lightgbm  # noqa: F401
import sklearn.discriminant_analysis
import sklearn.linear_model
import sklearn.metrics
import sklearn.model_selection  # noqa: F401

from lcclassify.compiled import compiled


@compiled
def _nothing() -> None:
    """Do nothing: the first function of a process has numba read its own library."""


_nothing()
