"""The classes of a table survey, and what labels in its files stand for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from lcclassify.checks import check_choice, check_number
from lcclassify.schema import LABEL, Taxonomy
from lcclassify.surveys import options
from lcclassify.surveys.casts import label_text


def of_no_object(labels: Sequence[str]) -> tuple[str, ...]:
    """Return what is to be told of labels of a class map, such as misspelt ones, if there are."""
    listed = ", ".join(f"'{label}'" for label in labels)
    if not labels:
        return ()
    # What YAML and Hydra read as a number is not told from it any more: 1e3 is 1000.0 then.
    lost = any(re.fullmatch(r"-?\d+\.0|-?[\d.]+e[+-]\d+", label) for label in labels)
    hint = " (labels such as 1e3, read as numbers, stand in quotes in a YAML)" if lost else ""
    return (f"No object has the label {listed} of survey.class_map{hint}.",)


class Labels:
    """How labels become classes.

    Args:
        classes: The classes in order; None takes the sorted distinct labels.
        names: Readable name of a class.
        weights: Weight of a class in the weighted log-loss.
        class_map: Class of a label in the files; null leaves its objects unlabelled.

    Attributes:
        taxonomy: The classes, none where only the files tell them.
        class_map: See above.

    Raises:
        ConfigError: They contradict each other.
    """

    def __init__(
        self,
        classes: Sequence[str] | None,
        names: Mapping[str, str] | None,
        weights: Mapping[str, float] | None,
        class_map: Mapping[str, str | None] | None,
    ) -> None:
        self._names = options.texts(names, "survey.class_names")
        self._weights = {
            label: check_number("survey.class_weights", weight)
            for label, weight in options.pairs(weights, "survey.class_weights")
        }
        known = options.words(classes, "survey.classes")
        self.class_map = options.mapping(class_map, "survey.class_map")
        for label in self.class_map.values():
            if label is not None and known:
                check_choice("a value of survey.class_map", label, known)
        self.taxonomy = Taxonomy(known)
        if known:
            self.taxonomy = self._taxonomy(known)

    def described(self) -> dict[str, Any]:
        """Return the options, for cache keys."""
        return {
            "classes": list(self.taxonomy.classes),
            "class_names": self._names,
            "class_weights": self._weights,
            "class_map": self.class_map,
        }

    def words(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return a table with its labels, if it has any, as they stand in the class map."""
        if LABEL not in table.columns:
            return table
        known = {*self.class_map, *self.taxonomy.classes}
        return table.with_columns(label_text(table[LABEL], known).alias(LABEL))

    def mapped(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return a table of words with the classes that they stand for."""
        if not self.class_map or LABEL not in table.columns:
            return table
        return table.with_columns(pl.col(LABEL).replace(self.class_map))

    def found(self, table: pl.DataFrame, labels: bool) -> tuple[Taxonomy, tuple[str, ...]]:
        """Return the classes of a table of words, and what is to be told of them."""
        if LABEL not in table.columns:
            return self.taxonomy, ()
        words = set(table[LABEL].unique().to_list())
        unmatched = [word for word in self.class_map if word not in words]
        messages = of_no_object(unmatched) if labels else ()
        if len(self.taxonomy):
            return self.taxonomy, messages
        classes = self.mapped(table)[LABEL].drop_nulls().unique().sort()
        return self._taxonomy(tuple(classes.to_list())), messages

    def _taxonomy(self, classes: tuple[str, ...]) -> Taxonomy:
        return Taxonomy(classes, names=self._names, weights=self._weights)
