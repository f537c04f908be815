"""The HTML report: text stays text, what is absent is absent, and it is small."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from lcclassify.evaluation.html import (
    LightCurve,
    PredictionAccount,
    ReportObjects,
    RunAccount,
    prediction_html,
    training_html,
)
from lcclassify.evaluation.html.confusion import LISTED, matrix_of
from lcclassify.evaluation.html.gallery import class_sections
from lcclassify.evaluation.metrics import evaluate
from lcclassify.schema import Taxonomy

VOID = {"meta", "link"}
ODD = ("<b>bold</b>", "SN [/II]", 'a & "b"', "</script><script>alert(1)</script>")
BANDS = ("<i>", "r")


class Page(HTMLParser):
    """Elements, texts and attributes; every element is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.attributes, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, name):
        return [value for _, own, value in self.attributes if own == name]


def run_account(**more):
    said = ["All was read.", "  Some of it twice."]
    return RunAccount("a run", [("seed", "0")], said, "seed: 0\n", **more)


def objects_of(p, targets, **more):
    ids = [str(1000 + i) for i in range(len(p))]
    return ReportObjects("test objects", ids, p, np.asarray(targets), **more)


def curve(seed=0, bands=BANDS, n=12):
    rng = np.random.default_rng(seed)
    return LightCurve(
        np.sort(rng.uniform(59000, 59100, n)),
        rng.normal(0, 30, n),
        rng.uniform(1, 3, n),
        rng.choice(bands, n).tolist(),
    )


@pytest.fixture
def odd(make_synthetic):
    p, targets = make_synthetic(len(ODD), 80)
    taxonomy = Taxonomy(ODD)
    unknown = np.linspace(0, 1, 80)
    objects = objects_of(p, targets, unknown=unknown, quantities={"<u>redshift</u>": unknown})
    objects = ReportObjects(**{**vars(objects), "ids": [f"<em>{i}</em>" for i in range(80)]})
    metrics = {
        "evaluated_on": "test <objects>",
        "models": {"<s>net</s>": evaluate(p, targets, taxonomy).to_dict()},
        "importances": {"<s>net</s>": {"<q>flux</q>": 0.5}},
        "worth": None,
    }
    return metrics, objects


def test_texts_of_data_are_text(odd):
    metrics, objects = odd
    curves = {one: curve(i) for i, one in enumerate(objects.ids)}
    history = {"<s>net</s>": {"fold_0": {"best": 0, "epochs": [{"epoch": 0, "train/loss": 1.0}]}}}
    account = RunAccount("<h6>", [("<h6>", "<h6>")], ["<h6>"], "<h6>")
    page = Page(training_html(account, metrics, objects, None, curves, BANDS, history))
    assert {"b", "i", "em", "u", "s", "q", "h6"}.isdisjoint(page.tags)
    # The script, and the objects of one matrix.
    assert page.tags.count("script") == 2
    text = " ".join(page.texts)
    for name in (*ODD[:3], "<em>7</em>", "<i>", "<q>flux</q>", "<u>redshift</u>", "test <objects>"):
        assert name in text, name
    prediction = prediction_html(
        PredictionAccount("<h6>", [], [], ODD, unscored={"<h6>": 3}), objects, curves, BANDS
    )
    page = Page(prediction)
    assert {"b", "i", "em", "u", "h6"}.isdisjoint(page.tags)
    assert page.tags.count("script") == 1
    assert ODD[3] in " ".join(page.texts)


def test_objects_of_a_matrix_are_readable_again(odd):
    metrics, objects = odd
    text = training_html(run_account(), metrics, objects, None, {}, (), {})
    assert '<li>All was read.</li>\n<li class="under">  Some of it twice.</li>' in text
    stored = json.loads(re.search(r'class="objects">(.*?)</script>', text, re.S)[1])
    assert tuple(stored["names"]) == ODD
    counts = np.zeros((4, 4), dtype=int)
    for cell, listed in stored["objects"].items():
        i, j = map(int, cell.split(","))
        counts[i, j] = len(listed)
        rows = [objects.ids.index(name) for name, _ in listed]
        assert (objects.targets[rows] == i).all()
        assert (objects.predicted[rows] == j).all()
    confusion = np.array(metrics["models"]["<s>net</s>"]["confusion"])
    assert (counts == confusion).all()


def test_a_cell_lists_the_most_confident_and_says_how_many_there_are():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([5, 1], 900)
    objects = objects_of(p, np.zeros(900, dtype=np.int64))
    counts = [[int((p.argmax(axis=1) == k).sum()) for k in (0, 1)], [0, 0]]
    matrix = matrix_of(counts, ["a", "b"], objects)
    listed = matrix.objects["0,0"]
    highest = np.sort(p[:, 0])[::-1][:LISTED]
    assert [value for _, value in listed] == [round(float(v), 3) for v in highest]
    assert matrix.cells[0][0].count == counts[0][0] > LISTED
    assert matrix.totals == [900, 0]


def test_of_many_classes_a_page_lists_a_bounded_number_of_objects():
    cell = np.repeat(np.arange(900), LISTED)
    objects = objects_of(np.eye(30)[cell % 30], cell // 30)
    listed = matrix_of([[LISTED] * 30] * 30, ["class"] * 30, objects).objects
    assert len(listed) == 900
    assert 50_000 < sum(len(each) for each in listed.values()) <= 60_000


def luminance(color):
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_numbers_stand_out_from_any_shade():
    for count in range(101):
        cell = matrix_of([[count, 100 - count], [0, 0]], ["a", "b"], None).cells[0][0]
        ink = {"#000": 0.0, "#fff": 1.0}[cell.ink]
        bright, dark = sorted([luminance(cell.background), ink], reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_colours_of_text_stand_out(odd):
    metrics, objects = odd
    text = training_html(run_account(), metrics, objects, None, {}, (), {})
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", text))
    for ink in ("ink", "soft", "accent"):
        for ground in ("#ffffff", named["pale"]):
            assert (luminance(ground) + 0.05) / (luminance(named[ink]) + 0.05) >= 4.5


def test_the_page_needs_nothing_and_leads_nowhere(odd):
    metrics, objects = odd
    curves = {one: curve(i) for i, one in enumerate(objects.ids)}
    page = Page(training_html(run_account(), metrics, objects, None, curves, BANDS, {}))
    links = page.values("href") + page.values("src")
    assert {link for link in links if not link.startswith("#")} == {"data:,"}
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert page.tags.count("h1") == 1
    assert "default-src 'none'" in " ".join(page.values("content"))
    # Drawings are said in words, or are ornaments.
    drawings = page.tags.count("svg")
    said = [tag for tag, name, _ in page.attributes if tag == "svg" and name in
            ("aria-label", "aria-hidden")]  # fmt: skip
    assert drawings == len(said) > 20


def test_a_class_that_no_object_has(make_synthetic, supernovae):
    p, targets = make_synthetic(3, 60, absent=(1,))
    models = {"net": evaluate(p, targets, supernovae).to_dict()}
    text = training_html(
        run_account(), {"models": models}, objects_of(p, targets), None, {}, (), {}
    )
    assert "Without a curve, having no objects or no others: SN II." in text
    assert "Left out of means over classes, being without objects: II." in text
    one = np.zeros(60, dtype=np.int64)
    models = {"net": evaluate(p, one, supernovae).to_dict()}
    Page(training_html(run_account(), {"models": models}, objects_of(p, one), None, {}, (), {}))


def test_none_of_the_optional_parts(make_synthetic, supernovae):
    p, targets = make_synthetic(3, 60)
    metrics = {"models": {"net": evaluate(p, targets, supernovae).to_dict()}}
    page = Page(training_html(run_account(), metrics, None, None, {}, (), {}))
    absent = {"#worth", "#sets", "#shift", "#learning", "#importances", "#classes", "#held-out"}
    assert absent.isdisjoint(page.values("href"))
    assert "button" not in page.tags


def test_all_of_the_optional_parts(make_synthetic, supernovae):
    p, targets = make_synthetic(3, 60)
    one = evaluate(p, targets, supernovae).to_dict()
    worse = {**one, "metrics": {**one["metrics"], "log_loss": one["metrics"]["log_loss"] + 0.5}}
    lost = {"mean": 0.5, "error": 0.1}
    worse["behind"] = {"net": lost}
    scores = {"log_loss": 0.4, "accuracy": 0.8}
    member = {"own": scores, "without": None, "gained": None, "lost": lost}
    metrics = {
        "evaluated_on": "test objects",
        "models": {"net": one, "stack": worse},
        "held_out": {"net": one, "stack": one},
        "intervals": {"net": {"accuracy": [0.61237, 0.81239]}},
        "worth": {"n_objects": 60, "stack": scores, "members": {"net": member}},
        "sets": {
            "level": 0.9,
            "marginal": {"coverage": 0.912, "mean_size": 1.31},
            "classes": {"II": {"coverage": None, "mean_size": 2.5}},
        },
        "held_out_sets": {"level": 0.9, "marginal": {"coverage": 0.876, "mean_size": 1.2}},
        "held_out_intervals": {"net": {"accuracy": [0.51237, 0.91239]}},
        "shift": {
            "sentences": ["It is fainter."],
            "rows": [{"what": "magnitude", "training": 20.5, "here": 22.25}],
            "auc": 0.875,
            "expected_accuracy": [0.7, 0.65, 0.75],
            "warning": "Unlike the training set.",
        },
        "importances": {"net": {"flux": 0.25}},
    }
    history = {"net": {"fold_0": {"best": 1, "epochs": [
        {"epoch": 0, "train/loss": 1.0, "val/loss": 1.1},
        {"epoch": 1, "train/loss": 0.5, "val/loss": None},
    ]}}}  # fmt: skip
    objects = objects_of(p, targets)
    text = training_html(run_account(), metrics, objects, objects, {}, (), history)
    page = Page(text)
    expected = {"#worth", "#sets", "#shift", "#learning", "#importances", "#classes", "#held-out"}
    assert expected <= set(page.values("href"))
    said = " ".join(" ".join(page.texts).split())
    for words in (
        "0.6124\u20130.8124", "90.0%", "91.2%", "87.6%", "0.5124\u20130.9124", "1.31", "SN II",
        "It is fainter.", "22.25",
        "AUC of 0.875", "70.0% (65.0% to 75.0%)", "Unlike the training set.", "Epoch kept: 2.",
        "is worse than that of net alone", "net alone has a lower log-loss than the stack, by",
    ):  # fmt: skip
        assert words in said, words


def test_below_a_light_curve_stands_whether_its_class_is_given():
    objects = objects_of(np.array([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8]]), [0, 0, -1])
    curves = {one: curve(i) for i, one in enumerate(objects.ids)}
    sections = class_sections(objects, ["a", "b"], ["", ""], curves, BANDS, by_prediction=True)
    panels = [panel for each in sections for _, shown in each.kinds for panel in shown]
    assert {panel.name: panel.lines[:-1] for panel in panels} == {
        "1000": ["a 0.70, b 0.30", "right"],
        "1001": ["b 0.60, a 0.40", "true class: a"],
        "1002": ["b 0.80, a 0.20"],
    }


def test_a_hundred_thousand_objects_make_a_small_page():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(15, 0.2), 100_000)
    labels = tuple(str(k) for k in range(15))
    unlabelled = objects_of(p, np.full(len(p), -1))
    account = PredictionAccount("big", [], [], labels)
    text = prediction_html(account, unlabelled, {}, ())
    assert len(text) < 100_000
    counts = np.bincount(p.argmax(axis=1), minlength=15)
    for count in counts:
        assert f"{count:,}" in text


def test_without_objects_no_class_has_any():
    account = PredictionAccount("none", [], [], ("a", "b"), unscored={"no observation": 3})
    page = Page(prediction_html(account, objects_of(np.zeros((0, 2)), []), {}, ()))
    assert page.texts.count("0") == 2, page.texts


@pytest.mark.parametrize(("n", "shown"), [(1500, None), (9000, "one in")])
def test_long_light_curves_make_a_small_page_and_it_is_said(make_synthetic, n, shown):
    p, targets = make_synthetic(15, 600)
    labels = tuple(str(k) for k in range(15))
    objects = objects_of(p, targets)
    rng = np.random.default_rng(0)
    long = LightCurve(np.arange(n, dtype=float), rng.normal(90, 5, n), np.ones(n), ["r"] * n)
    metrics = {"models": {"net": evaluate(p, targets, Taxonomy(labels)).to_dict()}}
    curves = dict.fromkeys(objects.ids, long)
    text = training_html(run_account(), metrics, objects, None, curves, ("r",), {})
    assert len(text) < 8e6
    drawn = [int(one.replace(",", "")) for one in re.findall(r"([\d,]+) of [\d,]+ obs", text)]
    assert len(drawn) >= 15 * 2
    assert sum(drawn) <= 100_000
    assert f" of {n:,} observations" in text
    assert (", one in " in text) == (shown is not None)


def test_the_same_again(odd):
    metrics, objects = odd
    curves = {one: curve(i) for i, one in enumerate(objects.ids[:30])}
    arguments = (run_account(), metrics, objects, None, curves, BANDS, {})
    assert training_html(*arguments) == training_html(*arguments)
