"""What a configuration's mappings may hold: names, not what looks like one by accident."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys import options
from lcclassify.surveys.snphotcc import SnphotccSurvey
from lcclassify.surveys.table import TableSurvey


@pytest.mark.parametrize("wrong", [["Ia"], {"a": "b"}, True, date(2020, 1, 1), ("a",)])
@pytest.mark.parametrize("key", ["class_map", "class_names", "passband_aliases", "class_weights"])
def test_values_and_keys_are_texts_or_numbers(key: str, wrong: Any) -> None:
    for found, words in (({"g": wrong}, "'g' must be a text or a number|finite number"),) + (
        (({wrong: "g"}, f"a key of survey.{key} must be a text or a number, got"),)
        if not isinstance(wrong, list | dict)
        else ()
    ):
        arguments: dict[str, Any] = {key: found}
        with pytest.raises(ConfigError, match=words):
            TableSurvey("a.csv", ["g"], **arguments)
        if key == "class_map":
            with pytest.raises(ConfigError, match=words):
                SnphotccSurvey(Path(), class_map=found)


def test_texts_numbers_and_nulls_are_taken() -> None:
    assert options.mapping({1: 2, "b": None, 2.5: "c"}, "x") == {"1": "2", "b": None, "2.5": "c"}
    assert options.pairs({1: [2]}, "x") == [("1", [2])]
    assert options.mapping(None, "x") == {}


@pytest.mark.parametrize("wrong", [None, True, ["g"], "", " "])
@pytest.mark.parametrize("key", ["passbands", "classes", "metadata", "missing"])
def test_items_of_lists_are_texts_or_numbers(key: str, wrong: Any) -> None:
    arguments: dict[str, Any] = {"passbands": ["g"], key: ["r", wrong]}
    with pytest.raises(ConfigError, match=f"an item of survey.{key} must (be|not be blank)"):
        TableSurvey("a.csv", **arguments)


def test_blanks_around_words_do_not_count() -> None:
    survey = TableSurvey("a.csv", ["g ", " r"], classes=[" A"], class_map={"a ": "A"})
    assert survey.passbands.names == ("g", "r")
    assert survey.taxonomy.classes == ("A",)
    assert survey.labels.class_map == {"a": "A"}


@pytest.mark.parametrize("separator", ["\u00e9", "\0", '"', "\n", "\r", "::", ""])
def test_separators_are_one_usable_character(separator: str) -> None:
    with pytest.raises(ConfigError, match="one character of ASCII, but no quote or end of line"):
        options.text_form(separator, None)


@pytest.mark.parametrize("spec", [5, {"a": "b"}, [None], [["a.csv"]], []])
def test_files_are_paths(spec: Any) -> None:
    with pytest.raises(ConfigError, match=r"survey\.observations must name at least one file"):
        TableSurvey(spec, ["g"]).read()


@pytest.mark.parametrize("name", ["x" * 300, "~nobody_of_this_name/a.csv"])
def test_what_is_no_path_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"survey\.observations names '.*', which is no path"):
        TableSurvey(name, ["g"], root=tmp_path).read()


def test_a_link_to_nothing_is_not_proposed_for_itself(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="does not exist") as caught:
        TableSurvey("a.csv", ["g"], root=tmp_path).read()
    assert "did you mean" not in str(caught.value)
