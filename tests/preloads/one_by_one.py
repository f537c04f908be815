"""An interpreter that imports what commands need once, and is forked for one script after another.

Every line of its input is what `forked.py` is given; it answers with an exit code.
"""

import json
import os
import runpy
import sys
from pathlib import Path

from lcclassify.importing import uncollected

with uncollected():
    import lcclassify.inference.loaded
    import lcclassify.tasks.ensemble
    import lcclassify.tasks.predict
    import lcclassify.tasks.train  # noqa: F401

FORKED = str(Path(__file__).parents[1] / "forked.py")


def become(given):
    code = 1
    try:
        runpy.run_path(FORKED, given)
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


for line in sys.stdin:
    number = os.fork()
    if number == 0:
        become(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
