"""Keeps what is expensive to make once in a process, for objects that are pickled often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import RLock
from typing import Any, Final, Generic, TypeVar
from uuid import uuid4

Made = TypeVar("Made")

# What the last unpickled ones had made: a worker gets the same ones with every task.
_last: OrderedDict[str, Any] = OrderedDict()
_KEPT: Final = 4
_making = RLock()


class Held(Generic[Made]):
    """A value that is made when it is asked for, and not pickled.

    Copies of it in another process share one value.

    Args:
        make: Makes the value; picklable, and gives the same in every process.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._token = uuid4().hex
        self._value: list[Made] = []
        self._unpickled = False

    def get(self) -> Made:
        """Return the value, made now if need be."""
        with _making:
            if not self._value:
                self._value.append(_last[self._token] if self._token in _last else self._make())
            if self._unpickled:
                _last[self._token] = self._value[0]
                _last.move_to_end(self._token)
                while len(_last) > _KEPT:
                    _last.popitem(last=False)
            return self._value[0]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_value": [], "_unpickled": True}
