"""Members of a stack that are for some training objects only."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.elsewhere import FittedElsewhere, Untouched
from lcclassify.augment.light import FluxJitter
from lcclassify.build import to_plain
from lcclassify.errors import ConfigError
from lcclassify.tasks.augmenting import is_moved
from lcclassify.training.head_settings import HeadSettings
from lcclassify.training.members import members_for
from lcclassify.training.only_if import OnlyIf
from lcclassify.training.settings import FitSettings, MemberSettings, TreeSettings

NETWORK = MemberSettings("any", {}, {}, {}, FitSettings(1, 1))
FEW = replace(NETWORK, name="few", only_if=OnlyIf(most_objects=10))
STAY = replace(NETWORK, name="stay", only_if=OnlyIf(moved=False))
MOVED = replace(NETWORK, name="moved", only_if=OnlyIf(moved=True, most_objects=10))


@pytest.mark.parametrize(
    ("n_objects", "moved", "names"),
    [
        (10, False, ["any", "few", "stay"]),
        (11, False, ["any", "stay"]),
        (10, True, ["any", "few", "moved"]),
        (11, True, ["any"]),
    ],
)
def test_who_is_trained_follows_from_number_and_place(n_objects, moved, names):
    kept, (said,) = members_for((NETWORK, FEW, STAY, MOVED), n_objects, moved=moved)
    assert [member.name for member in kept] == names
    assert f"Members: {', '.join(names)}; not for {n_objects} training objects" in said
    assert ("not moved" in said) is (not moved)


def test_nothing_is_said_of_a_stack_that_is_for_any_objects():
    assert members_for((NETWORK,), 5, moved=True) == ((NETWORK,), ())


def test_a_stack_of_which_nothing_is_left_is_refused():
    with pytest.raises(ConfigError, match=r"no member .* 1,000 training objects .* not moved"):
        members_for((FEW, MOVED), 1000, moved=False)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"most": 3}, "only_if has no key 'most'"),
        (3, "only_if must be a mapping"),
        ({"most_objects": 0}, r"only_if\.most_objects"),
        ({"most_objects": 2.5}, r"only_if\.most_objects"),
        ({"moved": "no"}, r"only_if\.moved .* must be true or false"),
    ],
)
def test_what_it_cannot_say(config, message):
    with pytest.raises(ConfigError, match=message):
        OnlyIf.from_config(config)


def test_both_kinds_of_members_have_it_and_heads_do_not(compose_config):
    model = to_plain(compose_config("model=stack"))["model"]["members"]
    stated = {"only_if": {"most_objects": 7, "moved": None}}
    for kind, name in ((MemberSettings, "dense"), (TreeSettings, "trees")):
        assert kind.from_config(model[name] | stated).only_if == OnlyIf(None, 7)
        assert kind.from_config(model[name] | {"only_if": None}).only_if == OnlyIf()
    with pytest.raises(ConfigError, match=r"model\.head\.only_if"):
        HeadSettings.from_config(model["dense"] | stated)


def test_what_is_moved():
    def stream_of(*steps):
        return type("Stream", (), {"augmenter": type("Augmenter", (), {"steps": steps})})

    moves = FittedElsewhere(*[np.zeros(0)] * 13)
    assert is_moved(stream_of(FluxJitter(), moves))
    assert not is_moved(stream_of(FluxJitter(), Untouched()))
    assert not is_moved(None)
