"""What each member is worth to a stack: a table, plain values, and a line where one is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from lcclassify.evaluation.metrics import Evaluation
from lcclassify.evaluation.report import MISSING, NAME_WIDTH, new_table

FloatArray = NDArray[np.float64]

# Standard errors beyond which a difference is more than chance.
_CHANCE: Final = 2.0


@dataclass(frozen=True)
class Scores:
    """Means over objects.

    Attributes:
        log_loss: In natural logarithms.
        accuracy: From 0 to 1.
    """

    log_loss: float
    accuracy: float


@dataclass(frozen=True)
class Difference:
    """A mean difference of log-losses of the same objects.

    Attributes:
        mean: Of all objects.
        error: Its standard error; None of a single object.
    """

    mean: float
    error: float | None

    @classmethod
    def of(cls, first: FloatArray, second: FloatArray) -> Difference:
        """Return how much higher the first losses ``(N,)`` are than the second."""
        each = first - second
        error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else None
        return cls(float(each.mean()), error)

    @property
    def is_beyond_chance(self) -> bool:
        """Whether it is positive by more than two standard errors."""
        return self.error is not None and self.mean > _CHANCE * self.error

    def __str__(self) -> str:
        error = MISSING if self.error is None else f"{self.error:.4f}"
        return f"{self.mean:+.4f} ± {error}"


@dataclass(frozen=True)
class MemberWorth:
    """A member by itself, and the stack without it.

    Attributes:
        name: Its name.
        own: Its own scores.
        without: Those of the stack of the other members, or None where there is none.
        gained: How much higher the log-loss is without it, or None.
        lost: How much higher the stack's log-loss is than its own.
    """

    name: str
    own: Scores
    without: Scores | None
    gained: Difference | None
    lost: Difference


@dataclass(frozen=True)
class StackWorth:
    """A stack and its members on objects that none of them learned from.

    Attributes:
        n_objects: N.
        stack: Scores of the stack.
        members: Its members, in order.
    """

    n_objects: int
    stack: Scores
    members: tuple[MemberWorth, ...]

    @classmethod
    def of(
        cls, names: Sequence[str], stack: FloatArray, own: FloatArray, without: FloatArray
    ) -> StackWorth:
        """Compare log-losses and hits of the same objects.

        Args:
            names: Of the M members.
            stack: ``(2, N)``, log-loss and whether the class was right, of the stack.
            own: ``(M, 2, N)``, of each member.
            without: ``(M, 2, N)``, of the stack of the others; empty where there is none.
        """
        members = []
        for m, name in enumerate(names):
            rest = without[m] if len(without) else None
            members.append(
                MemberWorth(
                    name,
                    _scores(own[m]),
                    None if rest is None else _scores(rest),
                    None if rest is None else Difference.of(rest[0], stack[0]),
                    Difference.of(stack[0], own[m][0]),
                )
            )
        return cls(stack.shape[1], _scores(stack), tuple(members))

    def table(self, title: str) -> Table:
        """Return members side by side, with what the stack is without each."""
        table = new_table(
            title,
            f"{self.n_objects:,} objects that neither members nor stack learned from; the stack of "
            f"all: log-loss {self.stack.log_loss:.4f}, accuracy {self.stack.accuracy:.4f}; worth: "
            "how much higher the log-loss is without the member, ± standard error",
        )
        table.add_column("member", overflow="fold", min_width=NAME_WIDTH)
        for header in ("log-\nloss", "accuracy", "without it:\nlog-loss", "\naccuracy"):
            table.add_column(header, justify="right", no_wrap=True)
        table.add_column("worth", justify="right", no_wrap=True)
        for member in self.members:
            table.add_row(
                Text(member.name),
                *_numbers(member.own),
                *_numbers(member.without),
                MISSING if member.gained is None else str(member.gained),
            )
        return table

    def sentences(self) -> list[str]:
        """Return a line for each member that is better than the stack by more than chance."""
        return [
            f"{member.name} alone has a lower log-loss than the stack, by {member.lost.mean:.4f} ± "
            f"{member.lost.error:.4f} on objects that neither learned from."
            for member in self.members
            if member.lost.is_beyond_chance
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values for `metrics.json`."""
        members = {member.name: asdict(member) for member in self.members}
        for plain in members.values():
            del plain["name"]
        return {"n_objects": self.n_objects, "stack": asdict(self.stack), "members": members}


def beside_members(
    evaluations: Mapping[str, Evaluation], losses: Sequence[FloatArray]
) -> dict[str, Evaluation]:
    """Return evaluations of which the whole's tells how far it is behind each member.

    Args:
        evaluations: By model, the whole last.
        losses: ``(N,)`` log-losses of the same objects, by model in this order.
    """
    *members, whole = evaluations
    behind = {
        name: asdict(Difference.of(losses[-1], own))
        for name, own in zip(members, losses[:-1], strict=True)
    }
    return {**evaluations, whole: replace(evaluations[whole], behind=behind)}


def _scores(values: FloatArray) -> Scores:
    return Scores(float(values[0].mean()), float(values[1].mean()))


def _numbers(scores: Scores | None) -> tuple[str, str]:
    if scores is None:
        return MISSING, MISSING
    return f"{scores.log_loss:.4f}", f"{scores.accuracy:.4f}"
