import json
import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.errors import DataError
from lcclassify.evaluation import metrics
from lcclassify.evaluation.metrics import Evaluation, evaluate
from lcclassify.schema import Taxonomy

# Three classes, five objects; predicted 0, 0, 1, 1, 0.
P = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.3, 0.4, 0.3], [0.6, 0.2, 0.2]])
Y = np.array([0, 0, 1, 0, 2])


def taxonomy_of(k, weights=None):
    labels = tuple(f"c{i}" for i in range(k))
    return Taxonomy(labels, weights=dict(zip(labels, weights or [1.0] * k, strict=True)))


@st.composite
def labelled(draw, max_classes=6):
    k = draw(st.integers(2, max_classes))
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.dirichlet(np.full(k, draw(st.sampled_from([0.2, 1.0, 5.0]))), n), rng.integers(
        0, k, n
    )


def test_hand_computed_values():
    assert metrics.confusion_matrix(P, Y).tolist() == [[2, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert metrics.accuracy(P, Y) == pytest.approx(3 / 5)
    assert metrics.recall(P, Y) == pytest.approx([2 / 3, 1, 0])
    np.testing.assert_allclose(metrics.precision(P, Y), [2 / 3, 1 / 2, np.nan])
    assert metrics.f1(P, Y) == pytest.approx([2 / 3, 2 / 3, 0])
    assert metrics.balanced_accuracy(P, Y) == pytest.approx(5 / 9)
    assert metrics.macro_recall(P, Y) == pytest.approx(5 / 9)
    assert metrics.macro_precision(P, Y) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.macro_f1(P, Y) == pytest.approx(4 / 9)
    assert metrics.log_loss(P, Y) == pytest.approx(
        -(math.log(0.7) + math.log(0.5) + math.log(0.6) + math.log(0.3) + math.log(0.2)) / 5
    )
    weighted = (
        1 * -(math.log(0.7) + math.log(0.5) + math.log(0.3)) / 3
        + 2 * -math.log(0.6)
        + 3 * -math.log(0.2)
    ) / 6
    assert metrics.plasticc_log_loss(P, Y, [1, 2, 3]) == pytest.approx(weighted)
    # Of the six pairs (class 0, other) two are out of order: 0.5 < 0.6 and 0.3 < 0.6.
    assert metrics.roc_auc(P, Y)[0] == pytest.approx(4 / 6)
    assert metrics.brier_score(P[:1], Y[:1]) == pytest.approx(0.09 + 0.04 + 0.01)


@pytest.mark.parametrize("k", [2, 3, 15])
def test_agrees_with_scikit_learn(make_synthetic, k):
    p, y = make_synthetic(k, 600, seed=k, sharpness=1.2)
    predicted = p.argmax(axis=1)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(y, predicted)
    np.testing.assert_allclose(metrics.precision(p, y), precision)
    np.testing.assert_allclose(metrics.recall(p, y), recall)
    np.testing.assert_allclose(metrics.f1(p, y), f1)
    assert metrics.confusion_matrix(p, y).tolist() == sk.confusion_matrix(y, predicted).tolist()
    assert metrics.accuracy(p, y) == pytest.approx(sk.accuracy_score(y, predicted))
    assert metrics.balanced_accuracy(p, y) == pytest.approx(
        sk.balanced_accuracy_score(y, predicted)
    )
    assert metrics.log_loss(p, y) == pytest.approx(sk.log_loss(y, p))
    result = evaluate(p, y, taxonomy_of(k))
    area = sk.roc_auc_score(y, p[:, 1] if k == 2 else p, multi_class="ovr", average="macro")
    assert result.scalars["macro_roc_auc"] == pytest.approx(area)
    one_hot = np.eye(k)[y]
    assert result.scalars["macro_average_precision"] == pytest.approx(
        sk.average_precision_score(one_hot, p, average="macro")
    )
    assert result.scalars["brier"] == pytest.approx(((p - one_hot) ** 2).sum(axis=1).mean())


def looped_plasticc(p, y, weights):
    """The definition of the challenge, term by term."""
    numerator = denominator = 0.0
    for j, weight in enumerate(weights):
        own = [i for i in range(len(y)) if y[i] == j]
        if not own:
            continue
        total = 0.0
        for i in own:
            q = p[i][j] / sum(p[i])
            total += math.log(min(max(q, 1e-15), 1 - 1e-15))
        numerator += weight * total / len(own)
        denominator += weight
    return -numerator / denominator


@given(labelled(), st.integers(0, 2**16))
def test_plasticc_log_loss_is_its_definition(data, seed):
    p, y = data
    rng = np.random.default_rng(seed)
    weights = rng.choice([0.5, 1.0, 2.0], p.shape[1])
    unscaled = p * rng.uniform(0.1, 3.0, (len(y), 1))
    got = metrics.plasticc_log_loss(unscaled, y, weights)
    assert got == pytest.approx(looped_plasticc(unscaled, y, weights), rel=1e-9)


def test_plasticc_log_loss_clips_and_leaves_absent_classes_out():
    assert metrics.plasticc_log_loss([[0.0, 1.0]], [0]) == pytest.approx(-math.log(1e-15))
    assert metrics.plasticc_log_loss([[0.25, 0.75]], [0], [1, 50]) == pytest.approx(math.log(4))
    assert math.isnan(metrics.plasticc_log_loss([[0.25, 0.75]], [0], [0, 1]))


@settings(max_examples=40, deadline=None)
@given(labelled(), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(data, random):
    p, y = data
    order = list(range(len(y)))
    random.shuffle(order)
    taxonomy = taxonomy_of(p.shape[1])
    before, after = evaluate(p, y, taxonomy), evaluate(p[order], y[order], taxonomy)
    assert before.undefined == after.undefined
    assert before.confusion.tolist() == after.confusion.tolist()
    assert after.defined() == pytest.approx(before.defined(), rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(1, 5))
def test_perfect_predictions_give_perfect_scores(k, copies):
    y = np.tile(np.arange(k), copies)
    result = evaluate(np.eye(k)[y], y, taxonomy_of(k))
    assert result.undefined == {}
    zero = {"log_loss", "weighted_log_loss", "brier", "ece", "classwise_ece", "aurc", "aurc_ideal"}
    for name, value in result.scalars.items():
        assert value == pytest.approx(0.0 if name in zero else 1.0, abs=1e-12), name


@given(st.integers(2, 20), st.integers(1, 30), st.integers(0, 2**16))
def test_uniform_probabilities_give_ln_k(k, n, seed):
    y = np.random.default_rng(seed).integers(0, k, n)
    p = np.full((n, k), 1 / k)
    assert metrics.log_loss(p, y) == pytest.approx(math.log(k))
    assert metrics.plasticc_log_loss(p, y, np.arange(1, k + 1)) == pytest.approx(math.log(k))
    assert metrics.brier_score(p, y) == pytest.approx(1 - 1 / k)


def test_absent_class_is_left_out_and_said():
    p = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    result = evaluate(p, [0, 1, 1], Taxonomy(("a", "b", "c")))
    assert result.scalars["macro_recall"] == pytest.approx((1 + 0.5) / 2)
    assert result.scalars["macro_precision"] == pytest.approx(1.0)
    for metric in ("precision", "recall", "f1", "roc_auc", "average_precision"):
        assert result.scalars[f"{metric}/c"] is None
        assert result.undefined[f"{metric}/c"] == metrics.NO_OBJECTS
    assert result.objects_per_class == {"a": 1, "b": 2, "c": 0}
    assert result.n_objects == 3


def test_class_never_predicted_has_no_precision_but_counts_as_zero():
    result = evaluate(P, Y, taxonomy_of(3))
    assert result.undefined == {"precision/c2": metrics.NEVER_PREDICTED}
    assert result.scalars["f1/c2"] == 0
    assert result.scalars["macro_precision"] == pytest.approx(7 / 18)


def test_one_class_present_has_no_ranking_metric():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said in the result
        result = evaluate([[0.9, 0.1], [0.6, 0.4]], [0, 0], taxonomy_of(2))
    assert result.scalars["roc_auc/c0"] is None
    assert result.undefined["roc_auc/c0"] == metrics.NO_OTHERS
    assert result.undefined["average_precision/c0"] == metrics.NO_OTHERS
    assert result.undefined["macro_roc_auc"] == metrics.NO_CLASS_DEFINED
    assert result.scalars["accuracy"] == 1


def test_taxonomy_weights_are_used():
    weighted = evaluate(P, Y, taxonomy_of(3, [1, 2, 3])).scalars["weighted_log_loss"]
    assert weighted == pytest.approx(metrics.plasticc_log_loss(P, Y, [1, 2, 3]))
    nothing = evaluate(P[:1], Y[:1], taxonomy_of(3, [0, 1, 1]))
    assert nothing.undefined["weighted_log_loss"] == metrics.NO_WEIGHT


def test_dictionary_is_json_without_nan(supernovae):
    result = evaluate([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], [0, 0], supernovae)
    assert isinstance(result, Evaluation)
    restored = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert restored["metrics"]["roc_auc/II"] is None
    assert restored["metrics"]["recall/Ia"] == 0.5
    assert restored["confusion"] == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert set(restored["undefined"]) == {k for k, v in restored["metrics"].items() if v is None}
    assert None not in result.defined().values()


def test_single_precision_softmax_is_accepted(make_synthetic, supernovae):
    p, y = make_synthetic(3, 50)
    low, high = evaluate(p.astype(np.float32), y, supernovae), evaluate(p, y, supernovae)
    assert low.defined() == pytest.approx(high.defined(), abs=1e-5)


@pytest.mark.parametrize(
    ("p", "y", "said"),
    [
        ([0.5, 0.5], [0], "shape"),
        (np.empty((0, 2)), np.empty(0, dtype=int), "at least one object"),
        (np.empty((2, 0)), [0, 0], r"shape \(objects, classes\)"),
        ([[0.5, np.nan]], [0], "finite.*row 0"),
        ([[0.5, 0.5], [1.5, -0.5]], [0, 1], "negative.*row 1"),
        ([[0.5, 0.5], [0.5, 0.4]], [0, 1], "sum to 1.*row 1"),
        ([[2.0, 3.0]], [0], "sum to 1"),
        ([["a", "b"]], [0], "numbers"),
        ([[0.5, 0.5]], [0, 1], "one entry an object"),
        ([[0.5, 0.5]], [0.0], "integers"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, -1], "no label.*row 1"),
        ([[0.5, 0.5]], [2], r"0\.\.1, got 2"),
        ([[0.5, 0.5]], [-7], r"0\.\.1, got -7"),
        ([[0.2, 0.3, 0.5]], [0], "2 classes.*3 columns"),
    ],
)
def test_unusable_input_is_refused(p, y, said):
    with pytest.raises(DataError, match=said):
        evaluate(p, y, taxonomy_of(2))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.inf]])
def test_unusable_weights_are_refused(weights):
    with pytest.raises(DataError, match="weights"):
        metrics.plasticc_log_loss([[0.5, 0.5]], [0], weights)


def test_row_without_any_probability_is_refused():
    with pytest.raises(DataError, match="positive sum"):
        metrics.plasticc_log_loss([[0.0, 0.0]], [0])


def test_an_evaluation_checks_and_counts_once(monkeypatch, make_synthetic):
    calls = []

    def counted(name):
        function = getattr(metrics, name)
        monkeypatch.setattr(metrics, name, lambda *a, **k: calls.append(name) or function(*a, **k))

    for name in ("check_labelled", "confusion_of"):
        counted(name)
    metrics.evaluate(*make_synthetic(3, 50), Taxonomy(("a", "b", "c")))
    assert calls == ["check_labelled", "confusion_of"]
