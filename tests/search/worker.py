"""A process that works on a study until it has all its trials: FOLDER N_TRIALS STORAGE PAUSE."""

import json
import sys
import time
from pathlib import Path

from conftest import config
from lcclassify.search.grammar import read_space
from lcclassify.search.job import run_trial
from lcclassify.search.settings import SearchSettings, TrialHandle
from lcclassify.search.study import SearchStudy


def main(folder, n_trials, storage, pause):
    settings = SearchSettings.from_config(config(n_trials=int(n_trials), storage=storage))
    layers = {"units": {"count": "range(1,3)", "choices": [1, 2, 3, 4], "narrowing": True}}
    entries = {"dropout": "choice(0.0,0.1,0.2)", "norm": "choice(true,false)"}
    study = SearchStudy(Path(folder), settings, read_space(entries, layers, [], []), {"seed": 0})
    while claims := study.ask(1):
        for claim in claims:
            handle = TrialHandle(Path(folder), settings, claim.number)

            def train(watcher, begun, handle=handle):
                time.sleep(float(pause))
                with open(Path(folder) / "done", "a") as file:
                    file.write(f"{handle.number}\n")
                fit = handle.output / "fits" / "dense" / "holdout"
                fit.mkdir(parents=True, exist_ok=True)
                epochs = [{"epoch": 0, "seconds": 0.1, "val/loss": 0.5}]
                (fit / "history.json").write_text(json.dumps({"best": 0, "epochs": epochs}))

            run_trial(handle, train)
            claim.lock.release()


if __name__ == "__main__":
    main(*sys.argv[1:])
