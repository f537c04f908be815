"""Builds an ONNX graph, an operator at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

# Trees have thresholds and leaves in float64 since version 5, which came together with version 21
# of all other operators.
OPSET: Final = 21
TREE_OPSET: Final = 5
TREE_DOMAIN: Final = "ai.onnx.ml"


class Graph:
    """Operators and constants that wait to become a model.

    The same operator of the same values is there once, whoever asks for it: networks of all
    folds that share a transform share its result.

    Attributes:
        nodes: Operators in the order in which they can be computed.
        initializers: Constants.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._known: dict[object, str] = {}

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Return the name of an operator's first output.

        Args:
            kind: Name of the operator.
            *inputs: Names of values; empty for an input that is left out.
            domain: Of the operator; empty for ONNX's own.
            **attributes: Numbers, text, lists, or arrays for tensors.
        """
        from onnx import helper, numpy_helper

        plain = {
            key: numpy_helper.from_array(value, key) if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        content = tuple((key, _hashable(value)) for key, value in sorted(attributes.items()))
        key = (kind, inputs, content)
        if key not in self._known:
            name = f"{kind.lower()}_{len(self.nodes)}"
            node = helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **plain)
            self.nodes.append(node)
            self._known[key] = name
        return self._known[key]

    def constant(self, values: object, dtype: type[np.generic] | np.dtype[Any]) -> str:
        """Return the name of an array of constants."""
        from onnx import numpy_helper

        array = np.asarray(values, dtype=dtype)
        key = _hashable(array)
        if key not in self._known:
            name = f"constant_{len(self.initializers)}"
            self.initializers.append(numpy_helper.from_array(np.array(array, order="C"), name))
            self._known[key] = name
        return self._known[key]

    def double(self, values: object) -> str:
        """Return float64 constants."""
        return self.constant(values, np.float64)

    def single(self, values: object) -> str:
        """Return float32 constants."""
        return self.constant(values, np.float32)

    def whole(self, values: object) -> str:
        """Return int64 constants, as shapes, axes and indices are."""
        return self.constant(values, np.int64)

    def cast(self, value: str, dtype: type[np.generic] | np.dtype[Any]) -> str:
        """Return a value in another number format."""
        from onnx import helper

        return self.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def sum(self, values: Sequence[str]) -> str:
        """Return the sum of at least one value."""
        total, *others = values
        for other in others:
            total = self.op("Add", total, other)
        return total

    def mean(self, values: Sequence[str]) -> str:
        """Return the mean of at least one float64 value."""
        if len(values) == 1:
            return values[0]
        return self.op("Div", self.sum(values), self.double(len(values)))

    def clip(self, value: str, low: float, high: float, dtype: type[np.generic]) -> str:
        """Return a value within limits."""
        return self.op("Clip", value, self.constant(low, dtype), self.constant(high, dtype))

    def log1p(self, value: str) -> str:
        """Return ln(1 + x) in float64, as exact for the smallest x as ONNX's Log is for others.

        References:
            Kahan's form, in Goldberg 1991, ACM Computing Surveys 23, 5, theorem 4.
        """
        one = self.double(1.0)
        more = self.op("Add", value, one)
        flat = self.op("Equal", more, one)
        part = self.op("Sub", self.op("Where", flat, self.double(2.0), more), one)
        found = self.op("Mul", self.op("Log", more), self.op("Div", value, part))
        # Beyond all sizes the quotient of two infinities would be undefined.
        huge = self.op("Greater", value, self.double(1e16))
        found = self.op("Where", huge, self.op("Log", more), found)
        return self.op("Where", flat, value, found)

    def expm1(self, value: str) -> str:
        """Return exp(x) - 1 in float64, as exact for the smallest x as for others."""
        one = self.double(1.0)
        grown = self.op("Exp", value)
        less = self.op("Sub", grown, one)
        flat = self.op("Equal", grown, one)
        near = self.op("Less", self.op("Abs", value), one)
        log = self.op("Log", self.op("Where", near, grown, self.double(2.0)))
        divisor = self.op("Where", flat, one, log)
        found = self.op("Where", near, self.op("Div", self.op("Mul", less, value), divisor), less)
        return self.op("Where", flat, value, found)


def _hashable(value: object) -> object:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    return tuple(value) if isinstance(value, list) else value
