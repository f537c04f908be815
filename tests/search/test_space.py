"""Spaces are read, counted, enumerated and refused as they should be."""

import itertools

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import FloatDistribution, IntDistribution

from lcclassify.build import config_dir
from lcclassify.errors import ConfigError
from lcclassify.search.entries import ABSENT, Choice, Layers, Number
from lcclassify.search.grammar import entry_of, read_space
from lcclassify.search.samplers import from_uniform
from lcclassify.search.space import Space


def entry(text):
    return entry_of(OverridesParser.create().parse_override(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1,2", Choice("a", (1, 2), ("1", "2"))),
        ("+a.b=x,null,true", Choice("+a.b", ("x", None, True), ("x", "null", "true"))),
        ("a=choice([1,2],[])", Choice("a", ("[1,2]", "[]"), ("[1,2]", "[]"))),
        ("a=choice('x y',z)", Choice("a", ("x y", "z"), ("x\\ y", "z"))),
        ("g@p.q=choice(x,y)", Choice("g@p.q", ("x", "y"), ("x", "y"))),
        ("a=range(1,8,2)", Number("a", 1, 7, 2, False, True)),
        ("a=range(8,1,-2)", Number("a", 2, 8, 2, False, True)),
        ("a=range(0,1,0.25)", Number("a", 0.0, 0.75, 0.25, False, False)),
        ("a=interval(0,1)", Number("a", 0.0, 1.0, None, False, False)),
        ("a=tag(log,interval(1e-4,1e-2))", Number("a", 1e-4, 1e-2, None, True, False)),
        ("a=int(interval(1,9))", Number("a", 1, 9, 1, False, True)),
        ("a=tag(log,int(interval(1,9)))", Number("a", 1, 9, None, True, True)),
    ],
)
def test_the_grammar(text, expected):
    found = entry(text)
    if isinstance(expected, Choice):
        assert found.values == expected.values
        assert [t.lower() for t in found.texts] == list(expected.texts)
        assert found.word == expected.word
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a=tag(lg,interval(1,2))", "'a' has the tag 'lg': did you mean 'log'"),
        ("a=tag(log,choice(1,2))", "which choices cannot have"),
        ("a=tag(log,interval(0,2))", "must begin above 0, got 0"),
        ("a=interval(2,1)", "the space of 'a' is empty: it goes from 2.0 to 1.0"),
        ("a=range(3,3)", "the space of 'a' is empty: range"),
        ("a=choice(1,1.0)", "equal values"),
        ("a=choice(x,x)", "a value twice: x, x"),
    ],
)
def test_impossible_entries(text, sentence):
    with pytest.raises(ConfigError, match=r"^.+") as caught:
        entry(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("space", "layers", "sentence"),
    [
        ({}, {}, "the search space is empty"),
        ({"a": 3}, {}, "search.space.a is 3, which is no range of values"),
        ({"a": {"b": "5"}}, {}, "search.space.a.b is '5', which is no range of values"),
        ({"a": "choice("}, {}, "search.space.a is 'choice(', which cannot be read"),
        ({}, {"u": {"count": 2}}, "search.layers.u needs the key 'choices'"),
        (
            {},
            {"u": {"count": 1, "choice": [1], "narrowing": True}},
            "has no key 'choice': did you mean 'choices'",
        ),
        ({}, {"u": {"count": [], "choices": [1], "narrowing": True}}, "the count of the layers"),
        ({}, {"u": {"count": 1, "choices": [0], "narrowing": True}}, "of at least 1, got [0]"),
        ({}, {"u": {"count": "interval(1,2)", "choices": [1], "narrowing": True}}, "counted"),
        ({}, {"u": {"count": 1, "choices": [1.5], "narrowing": True}}, "whole numbers, got 1.5"),
        ({}, {"u": {"count": 1, "choices": [1], "narrowing": 1}}, "narrowing must be true"),
    ],
)
def test_impossible_spaces(space, layers, sentence):
    with pytest.raises(ConfigError) as caught:
        read_space(space, layers, [], [])
    assert sentence in str(caught.value)


def test_words_of_the_command_line_replace_and_remove():
    swept = OverridesParser.create().parse_overrides(["m.units=choice([1],[2])", "+m.new=1,2"])
    space = read_space(
        {"m": {"drop": "choice(0,1)", "kept": "choice(2,3)"}},
        {"m": {"units": {"count": 1, "choices": [1], "narrowing": True}}},
        swept,
        ["m.drop"],
    )
    assert [entry.word for entry in space.entries] == ["m.kept", "m.units", "+m.new"]
    assert space.cardinality == 8


@pytest.mark.parametrize("narrowing", [True, False])
@pytest.mark.parametrize("counts", [(1, 2, 3), (0, 2), (0,), (3,)])
def test_layers_are_counted_and_enumerated(narrowing, counts):
    widths = (2, 5, 7)
    layers = Layers("u", counts, widths, narrowing)
    expected = {
        units
        for count in counts
        for units in itertools.product(widths, repeat=count)
        if not narrowing or list(units) == sorted(units, reverse=True)
    }
    found = [tuple(layers.units(layers.nth(n))) for n in range(layers.cardinality)]
    assert len(found) == len(set(found)) == len(expected)
    assert set(found) == expected
    for n in range(layers.cardinality):
        params = layers.nth(n)
        # What is drawn has the very same parameters, so that both can stand in one study.
        assert layers.draw(lambda name, dist, params=params: params[name]) == params


def test_a_layers_parameters_have_the_same_choices_in_all_trials():
    layers = Layers("u", (1, 2, 3), (64, 128, 256), True)
    seen = {}
    for n in range(layers.cardinality):
        params = layers.nth(n)

        def pick(name, dist, params=params):
            assert seen.setdefault(name, dist) == dist
            return params[name]

        layers.draw(pick)
    assert "u[2]<=128" in seen
    assert seen["u[2]<=128"].choices == (64, 128)
    assert layers.text(layers.params([256, 128, 64])) == "[256,128,64]"


def test_a_space_is_the_product(space):
    assert space.cardinality == 3 * 2 * (4 + 10)
    words = [tuple(space.words(space.nth(n))) for n in range(space.cardinality)]
    assert len(set(words)) == len(words)
    # In the order of layers, dropout, norm; the last one changes fastest.
    assert words[0] == ("units=[1]", "dropout=0.0", "norm=True")
    assert words[1] == ("units=[1]", "dropout=0.0", "norm=False")
    assert space.values(space.nth(1)) == {"units": "[1]", "dropout": 0.0, "norm": False}


def test_a_continuous_space_cannot_be_counted():
    space = Space((entry("a=interval(0,1)"), entry("b=1,2")))
    assert space.cardinality is None
    with pytest.raises(ConfigError, match="'a' cannot be counted"):
        space.nth(0)
    with pytest.raises(ConfigError, match="'b' twice"):
        Space((entry("b=1,2"), entry("+b=1,2")))


def test_the_default(space):
    values = {"dropout": 0.1, "norm": False, "units": [3, 1]}
    params, outside = space.default(lambda key: values.get(key, ABSENT))
    assert outside == []
    assert space.words(params) == ["units=[3,1]", "dropout=0.1", "norm=False"]
    values |= {"dropout": 0.3, "units": [1, 3]}
    assert space.default(lambda key: values.get(key, ABSENT)) == (None, ["units", "dropout"])
    assert entry("a=interval(0,1)").default(lambda key: 0.5) == {"a": 0.5}
    assert entry("a=range(0,8,2)").default(lambda key: 3) is None
    assert entry("a=choice(1,2)").default(lambda key: True) is None


@pytest.mark.parametrize(
    ("distribution", "least", "most"),
    [
        (FloatDistribution(0.1, 0.9), 0.1, 0.9),
        (FloatDistribution(0.001, 0.1, log=True), 0.001, 0.1),
        (FloatDistribution(0, 1, step=0.25), 0, 1),
        (IntDistribution(3, 11, step=4), 3, 11),
        (IntDistribution(1, 100, log=True), 1, 100),
    ],
)
def test_uniform_numbers_reach_all_of_a_distribution(distribution, least, most):
    shares = [n / 4001 for n in range(4001)]
    values = [from_uniform(distribution, u) for u in shares]
    assert min(values) == pytest.approx(least)
    assert max(values) == pytest.approx(most, rel=2e-3)
    assert values == sorted(values)
    assert all(distribution._contains(distribution.to_internal_repr(v)) for v in values)


# --- Table 2 of Chaini & Kumar 2020 ---------------------------------------------------

RATES = {0.1, 0.01, 0.001, 0.0001}
DROPS = {0, 0.01, 0.1, 0.2, 0.5}
LOSSES = {"cross_entropy", "focal_one_vs_rest", "weighted_log_loss"}
BOTH = {
    "model.network.activation": {"tanh", "relu"},
    "loss@model.loss": LOSSES,
    "model.optimizer.lr": RATES,
    "model.network.dropout": DROPS,
    "model.network.batch_norm": {True, False},
}
TABLE_2 = {
    "dense": BOTH,
    "bigru": BOTH
    | {
        "model.network.spatial_dropout": DROPS,
        "model.network.gaussian_noise": {0, 0.25, 0.5, 0.75, 1, 2, 5},
        "model.network.bidirectional": {True, False},
    },
}
DENSE = {n: {128, 256, 512, 1024} for n in range(1, 8)}
GRU = {n: {64, 128, 256} for n in range(7)}
LAYERS = {
    "dense": {"model.network.units": DENSE},
    "bigru": {"model.network.gru_units": GRU, "model.network.dense_units": DENSE},
}


def of_file(name):
    search = yaml.safe_load((config_dir() / "search" / f"{name}.yaml").read_text())["search"]
    return search, read_space(search["space"], search["layers"], [], [])


@pytest.mark.parametrize("kind", ["dense", "bigru"])
def test_every_value_of_table_2_is_reachable_and_no_other(kind):
    search, space = of_file(kind)
    assert (search["n_trials"], search["repeats"], search["objective"]) == (100, 2, "val/accuracy")
    choices = {e.key: set(e.values) for e in space.entries if isinstance(e, Choice)}
    assert choices == TABLE_2[kind]
    layers = {e.key: e for e in space.entries if isinstance(e, Layers)}
    assert set(layers) == set(LAYERS[kind])
    for key, counts in LAYERS[kind].items():
        lists = [layers[key].units(layers[key].nth(n)) for n in range(layers[key].cardinality)]
        reached = {len(units): set() for units in lists}
        for units in lists:
            reached[len(units)] |= set(units)
        assert reached == {n: widths if n else set() for n, widths in counts.items()}
        assert all(units == sorted(units, reverse=True) for units in lists)


def test_cardinality_of_table_2():
    # Narrowing lists of n layers of w widths: C(n + w - 1, n). Summed over the layers' numbers,
    # 329 dense and 84 recurrent ones; the others are products of their values.
    assert of_file("dense")[1].cardinality == 329 * 2 * 3 * 4 * 5 * 2
    assert of_file("bigru")[1].cardinality == 84 * 329 * 2 * 3 * 4 * 5 * 2 * 5 * 7 * 2


@pytest.mark.parametrize("kind", ["dense", "bigru"])
def test_quick_spaces_hold_the_default_network(kind, compose_config):
    from lcclassify.build import to_plain
    from lcclassify.search.keys import lookup_in

    search, space = of_file(f"{kind}_quick")
    config = to_plain(compose_config(f"search={kind}_quick"))
    _, outside = space.default(lookup_in(config, {}))
    assert (search["include_default"], search["n_trials"], outside) == (True, 20, [])
    alone = to_plain(compose_config(f"model={kind}"))["model"]
    assert alone | {"replicas": 1} == config["model"]
