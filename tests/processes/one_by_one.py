"""An interpreter that imports some modules once, and is forked for one script after another.

Its words are the modules. Every line of its input is what `forked.py` is given; it answers with an
exit code.
"""

import importlib
import json
import os
import runpy
import sys
from pathlib import Path

from lcclassify.importing import uncollected

with uncollected():
    for module in sys.argv[1:]:
        importlib.import_module(module)

FORKED = str(Path(__file__).with_name("forked.py"))


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
