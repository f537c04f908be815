"""The table of members says what was measured, and nothing where nothing was."""

import json

import numpy as np
import pytest

from lcclassify.evaluation.metrics import each_log_loss, evaluate
from lcclassify.evaluation.report import text_of, write_metrics
from lcclassify.evaluation.worth import Difference, StackWorth, beside_members
from lcclassify.schema import Taxonomy

N = 200


def scores(mean, seed, correct=0.8):
    rng = np.random.default_rng(seed)
    return np.stack([mean + 0.1 * rng.normal(size=N), (rng.random(N) < correct).astype(float)])


@pytest.fixture
def parts():
    own = np.stack([scores(0.6, 1), scores(0.3, 2)])
    return scores(0.5, 0), own, np.stack([scores(0.5, 3), scores(0.9, 4)])


def test_a_difference_is_paired():
    rng = np.random.default_rng(0)
    hard = 10 * rng.random(N)
    found = Difference.of(hard + 0.1 + 0.01 * rng.normal(size=N), hard)
    assert found.mean == pytest.approx(0.1, abs=0.01)
    assert found.error == pytest.approx(0.01 / np.sqrt(N), rel=0.2)
    assert found.is_beyond_chance
    assert not Difference.of(hard, hard).is_beyond_chance
    assert not Difference.of(hard, hard + 1).is_beyond_chance
    one = Difference.of(np.array([2.0]), np.array([1.0]))
    assert one.error is None
    assert not one.is_beyond_chance
    assert str(one) == "+1.0000 ± -"


def test_a_whole_tells_how_far_it_is_behind_its_members():
    p = np.random.default_rng(1).dirichlet([1, 1], 30)
    models = {"good": 0.2 + 0.6 * (p.round()), "same": p, "stack": p}
    y = p.argmax(axis=1)
    losses = [each_log_loss(values, y) for values in models.values()]
    evaluations = {
        name: evaluate(values, y, Taxonomy(("a", "b"))) for name, values in models.items()
    }
    found = beside_members(evaluations, losses)
    assert list(found) == list(models)
    assert found["good"].behind == {}
    assert "behind" not in found["good"].to_dict()
    behind = found["stack"].to_dict()["behind"]
    assert behind["same"] == {"mean": 0.0, "error": 0.0}
    each = losses[2] - losses[0]
    assert behind["good"]["mean"] == pytest.approx(each.mean())
    assert behind["good"]["error"] == pytest.approx(each.std(ddof=1) / np.sqrt(30))
    alone = beside_members({"net": evaluations["good"]}, losses[:1])
    assert alone["net"].behind == {}


def test_table_and_values_say_the_same(parts, tmp_path):
    stack, own, without = parts
    worth = StackWorth.of(["first", "second"], stack, own, without)
    text = text_of(worth.table("members"), width=80)
    line = next(line for line in text.splitlines() if line.strip().startswith("second"))
    gained = without[1, 0] - stack[0]
    for value in (own[1, 0].mean(), own[1, 1].mean(), without[1, 0].mean(), without[1, 1].mean()):
        assert f" {value:.4f}" in line
    assert f"+{gained.mean():.4f} ± {gained.std(ddof=1) / np.sqrt(N):.4f}" in line
    stored = json.loads(write_metrics(tmp_path / "m.json", worth.to_dict()).read_text())
    assert stored["members"]["second"]["gained"]["mean"] == pytest.approx(gained.mean())
    assert stored["members"]["second"]["own"]["log_loss"] == pytest.approx(own[1, 0].mean())
    assert stored["stack"]["log_loss"] == pytest.approx(stack[0].mean())
    assert stored["n_objects"] == N


def test_a_member_that_is_better_is_named(parts):
    stack, own, without = parts
    worth = StackWorth.of(["first", "second"], stack, own, without)
    (line,) = worth.sentences()
    assert line.startswith("second alone has a lower log-loss than the stack, by 0.2")
    same = StackWorth.of(["first", "second"], own[1], own, without)
    assert same.sentences() == []


def test_of_one_member_there_is_no_stack_without_it(parts, tmp_path):
    stack, own, without = parts
    worth = StackWorth.of(["only"], stack, own[:1], without[:0])
    assert worth.members[0].without is None
    assert next(
        line
        for line in text_of(worth.table("members")).splitlines()
        if line.strip().startswith("only")
    ).split()[-3:] == ["-", "-", "-"]
    assert json.loads(write_metrics(tmp_path / "m.json", worth.to_dict()).read_text())
