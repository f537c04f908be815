"""What a process of the fork server does for a test: a script, as if called by itself.

`command_processes.py` starts processes with a few variables set: `script`, `words`, `folder`,
`output`, `error`, `largest_file` and `inherits_server`.
"""

import atexit
import gc
import os
import resource
import runpy
import signal
import sys
import threading
from pathlib import Path

import inherited_server

if globals()["inherits_server"]:
    inherited_server.prepare()
gc.freeze()  # what was imported before
gc.enable()
given = globals()
os.chdir(given["folder"])
for number, name in ((1, "output"), (2, "error")):
    file = os.open(given[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, number)
    os.close(file)
# Tests that run in the background ignore ctrl-C, and so would what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if given["largest_file"] is not None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (given["largest_file"],) * 2)
sys.argv = [given["script"], *given["words"]]
sys.path.insert(0, str(Path(given["script"]).parent))
try:
    runpy.run_path(given["script"], run_name="__main__")
finally:
    # As an interpreter ends, and a process of multiprocessing does not: pools shut down.
    threading._shutdown()
    atexit._run_exitfuncs()
