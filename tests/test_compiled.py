"""Compiled functions work where nothing can be written, too."""

import warnings

import numba
import numpy as np
import pytest

from lcclassify.compiled import compiled, compiled_quick


def twice(values):
    return 2 * values


def thrice(values):
    return 3 * values


def test_without_a_place_for_compiled_code(monkeypatch):
    made = numba.njit

    def njit(*functions, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available for file")
        return made(*functions, **options)

    monkeypatch.setattr(numba, "njit", njit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        functions = [compiled(twice), compiled(thrice)]
    assert [f(np.ones(2)).tolist() for f in functions] == [[2, 2], [3, 3]]
    assert len(caught) == 1
    assert "NUMBA_CACHE_DIR" in str(caught[0].message)


def test_arithmetic_is_not_reordered():
    @compiled
    def total(values):
        found = 0.0
        for value in values:
            found += value
        return found

    # Reordered for speed, the sum of pairs would be 0, 1 or 2.
    assert total(np.array([1e16, 1.0, -1e16, 1.0])) == 1.0
    with pytest.raises(ZeroDivisionError):
        compiled(lambda a, b: a / b)(1.0, 0.0)


def test_quick_arithmetic_divides_as_numpy():
    quick = compiled_quick(lambda a, b: a / b)
    assert quick(1.0, 0.0) == np.inf
    assert np.isnan(quick(np.nan, 1.0))
