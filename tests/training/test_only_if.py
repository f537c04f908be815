"""Members of a stack that are for some training objects only."""

import re
from dataclasses import replace

import pytest

from lcclassify.augment.coverage import Untouched
from lcclassify.augment.elsewhere import FittedElsewhere
from lcclassify.augment.light import FluxJitter
from lcclassify.build import to_plain
from lcclassify.errors import ConfigError
from lcclassify.tasks.augmenting import is_moved
from lcclassify.training.head_settings import HeadSettings
from lcclassify.training.members import members_for
from lcclassify.training.settings import (
    FitSettings,
    MemberSettings,
    TreeSettings,
    member_from_config,
)

ANY = MemberSettings("any", {}, {}, {}, FitSettings(1, 1))
MOVED, FEW, MANY = (replace(ANY, name=word, only_if=(word,)) for word in ("moved", "few", "many"))
STAY = replace(ANY, name="stay", only_if=("few", "many"))
BLIND = replace(ANY, name="blind", only_if=("few_without_redshift",))


@pytest.mark.parametrize(
    ("n_objects", "moved", "names", "said"),
    [
        (2_999, False, ["any", "few", "stay"], "2,999 .* stay, are few; not moved, many, blind"),
        (3_000, False, ["any", "many", "stay"], "3,000 .* are many; not moved, few"),
        (2_999, True, ["any", "moved"], "draws .* are moved; not few, many, stay, blind"),
        (3_000, True, ["any", "moved"], "draws .* are moved; not few, many, stay, blind"),
    ],
)
def test_who_is_trained_follows_from_the_training_objects(n_objects, moved, names, said):
    stack = (ANY, MOVED, FEW, MANY, STAY, BLIND)
    kept, sentences = members_for(stack, n_objects, moved=moved, with_redshift=True)
    assert [member.name for member in kept] == names
    assert len(sentences) == 1
    assert re.match(rf"Members: {', '.join(names)}, because {said}", sentences[0]), sentences


def test_few_without_redshift_are_few_as_well():
    stack = (ANY, MOVED, FEW, MANY, BLIND)
    for n_objects, moved, names in (
        (10, False, ["any", "few", "blind"]),
        (3_000, False, ["any", "many"]),
        (10, True, ["any", "moved"]),
    ):
        kept, (said,) = members_for(stack, n_objects, moved=moved, with_redshift=False)
        assert [member.name for member in kept] == names
        assert ("and without redshift" in said) is not moved


def test_nothing_is_said_of_a_stack_that_is_for_any_objects():
    assert members_for((ANY, STAY), 5, moved=False, with_redshift=True) == ((ANY, STAY), ())


def test_a_stack_of_which_nothing_is_left_is_refused():
    with pytest.raises(ConfigError, match=r"no member .* training objects that are many"):
        members_for((FEW, MOVED), 9_000, moved=False, with_redshift=True)


@pytest.mark.parametrize("model", ["dense", "trees"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "few",
            "only_if must be null or a list of moved, few, few_without_redshift, many, got 'few'",
        ),
        ([], "only_if must be null or a list"),
        (3, "only_if must be null or a list"),
        (["fw"], "only_if of the model 'x' cannot be 'fw': did you mean 'few'"),
        ([True], "only_if of the model 'x' cannot be 'True'"),
    ],
)
def test_what_it_cannot_say(compose_config, model, value, message):
    config = to_plain(compose_config(f"model={model}"))["model"]
    with pytest.raises(ConfigError, match=message):
        member_from_config(config | {"only_if": value}, "x")


def test_both_kinds_of_members_have_it_and_heads_do_not(compose_config):
    model = to_plain(compose_config("model=stack"))["model"]["members"]
    for kind, name in ((MemberSettings, "dense"), (TreeSettings, "trees")):
        assert kind.from_config(model[name] | {"only_if": ["few"]}).only_if == ("few",)
        assert kind.from_config(model[name]).only_if == ()
    with pytest.raises(ConfigError, match=r"model\.head\.only_if"):
        HeadSettings.from_config(model["dense"] | {"only_if": ["few"]})


def test_what_is_moved():
    def stream_of(*steps):
        return type("Stream", (), {"augmenter": type("Augmenter", (), {"steps": steps})})

    moves = object.__new__(FittedElsewhere)  # what it is, not what it holds
    assert is_moved(stream_of(FluxJitter(), moves))
    assert not is_moved(stream_of(FluxJitter(), Untouched()))
    assert not is_moved(None)
