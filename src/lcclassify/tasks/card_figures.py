"""What of a run's evaluation its bundle's model card shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lcclassify.inference.model_card import HEADLINES
from lcclassify.tasks.report_folder import read_json


def card_figures(folder: Path) -> dict[str, Any]:
    """Return plain values on the reported model, from the `metrics.json` of a run.

    Returns:
        The `model`, its `objects`, `metrics` and `intervals` (by metric), `held_out` (the last
        three of held-out objects), `sets`, `held_out_sets` and `shift`, each as there or None;
        nothing where no model was evaluated.
    """
    metrics = read_json(folder / "metrics.json") or {}
    models, alike = metrics.get("models") or {}, metrics.get("held_out") or {}
    if not models:
        return {}
    main = list(models)[-1]
    held_out = None
    if main in alike:
        held_out = {
            "objects": alike[main]["n_objects"],
            "metrics": {name: alike[main]["metrics"].get(name) for name in HEADLINES},
            "intervals": (metrics.get("held_out_intervals") or {}).get(main),
        }
    shift = metrics.get("shift")
    return {
        "model": main,
        "objects": models[main]["n_objects"],
        "metrics": {name: models[main]["metrics"].get(name) for name in HEADLINES},
        "intervals": (metrics.get("intervals") or {}).get(main),
        "held_out": held_out,
        "sets": metrics.get("sets"),
        "held_out_sets": metrics.get("held_out_sets"),
        "shift": shift and {key: shift.get(key) for key in ("distance", "auc", "sentences")},
    }
