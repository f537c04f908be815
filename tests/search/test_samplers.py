"""What trials get depends on the seed and their numbers, not on the process."""

import optuna
import pytest

from lcclassify.errors import ConfigError
from lcclassify.search.grammar import read_space
from lcclassify.search.pruners import PRUNERS, make_pruner
from lcclassify.search.samplers import GridSearch, RandomSearch, check_sampler, make_sampler
from lcclassify.search.space import suggest

CONTINUOUS = {"x": "interval(-1,1)", "y": "tag(log,interval(0.01,1))"}


def optimise(sampler, space, n, study=None):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = study or optuna.create_study(sampler=sampler)
    study.sampler = sampler
    for _ in range(n):
        trial = study.ask()
        params = space.draw(lambda name, dist, trial=trial: suggest(trial, name, dist))
        study.tell(trial, sum(v for v in params.values() if isinstance(v, float)))
    return study


def test_random_search_is_a_sequence(space):
    one, other = RandomSearch(space, None, 3), RandomSearch(space, None, 3)
    straight = [one.configuration(n) for n in range(12)]
    assert other.configuration(11) == straight[11]
    assert [other.configuration(n) for n in range(12)] == straight
    assert RandomSearch(space, None, 4).configuration(0) != straight[0]


def test_random_search_repeats_nothing_while_others_are_left(space):
    size = space.cardinality
    sampler = RandomSearch(space, space.nth(5), 0)
    words = [tuple(space.words(sampler.configuration(n))) for n in range(size)]
    assert len(set(words)) == size
    assert words[0] == tuple(space.words(space.nth(5)))


def test_random_search_is_uniform_over_each_parameters_values():
    space = read_space(
        {"x": "interval(0,1)"},
        {"u": {"count": "range(1,4)", "choices": [1, 2], "narrowing": True}},
        [],
        [],
    )
    drawn = [RandomSearch(space, None, seed).configuration(0) for seed in range(3000)]
    counts = [sum(p["u.count"] == n for p in drawn) / 3000 for n in (1, 2, 3)]
    assert counts == pytest.approx([1 / 3] * 3, abs=0.03)
    assert sum(p["u[1]"] == 2 for p in drawn) / 3000 == pytest.approx(0.5, abs=0.03)
    assert sum(p["x"] for p in drawn) / 3000 == pytest.approx(0.5, abs=0.02)


def test_a_grid_has_everything_once(space):
    sampler = GridSearch(space, space.nth(7))
    words = [tuple(space.words(sampler.configuration(n))) for n in range(space.cardinality)]
    assert len(set(words)) == space.cardinality


@pytest.mark.parametrize("name", ["random", "grid", "tpe", "cma_es"])
def test_a_stopped_search_draws_what_a_straight_one_draws(name, space):
    if name == "cma_es":
        space = read_space(CONTINUOUS, {}, [], [])
    config = {"name": name, "seed": 1}
    straight = optimise(make_sampler(config, space, None), space, 14)
    stopped = optimise(make_sampler(config, space, None), space, 5)
    optimise(make_sampler(config, space, None), space, 9, stopped)
    assert [t.params for t in stopped.trials] == [t.params for t in straight.trials]


@pytest.mark.parametrize("name", ["tpe", "cma_es"])
def test_optunas_samplers_get_better(name):
    space = read_space(CONTINUOUS, {}, [], [])
    study = optimise(make_sampler({"name": name, "seed": 0}, space, None), space, 50)
    values = [trial.value for trial in study.trials]
    assert sum(values[-10:]) / 10 < sum(values[:10]) / 10


@pytest.mark.parametrize("name", ["random", "grid", "tpe", "cma_es"])
def test_the_first_trial_can_be_given(name, space):
    study = optimise(make_sampler({"name": name, "seed": 0}, space, space.nth(9)), space, 3)
    assert study.trials[0].params == space.nth(9)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"name": "randm", "seed": 0}, "search.sampler.name is 'randm': did you mean 'random'"),
        ({"name": "random"}, "needs the keys 'name' and 'seed'"),
        ({"name": "random", "seed": "a"}, "search.sampler.seed must be a whole number"),
        ({"name": "random", "seed": 0, "x": 1}, "search.sampler has no key 'x'"),
        ({"name": "tpe", "seed": 0, "n_startup": 1}, "did you mean 'n_startup_trials'"),
    ],
)
def test_wrong_samplers(config, sentence):
    with pytest.raises(ConfigError) as caught:
        check_sampler(config, 1)
    assert sentence in str(caught.value)


def test_samplers_that_do_not_suit():
    with pytest.raises(ConfigError, match="a single objective"):
        check_sampler({"name": "cma_es", "seed": 0}, 2)
    with pytest.raises(ConfigError, match=r"'grid', but the values of 'x' cannot be counted"):
        make_sampler({"name": "grid", "seed": 0}, read_space(CONTINUOUS, {}, [], []), None)


def test_pruners():
    for name in PRUNERS:
        make_pruner({"name": name})
    assert make_pruner({"name": "median", "n_warmup_steps": 3})._n_warmup_steps == 3
    for config, sentence in (
        ({"name": "medium"}, "search.pruner.name is 'medium': did you mean 'median'"),
        ({"name": "median", "warmup": 1}, "search.pruner has no key 'warmup'"),
        ({"name": "asha", "reduction_factor": 1}, "search.pruner refuses its arguments"),
        ("median", "search.pruner needs the key 'name'"),
    ):
        with pytest.raises(ConfigError) as caught:
            make_pruner(config)
        assert sentence in str(caught.value)
