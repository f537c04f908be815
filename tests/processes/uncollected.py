"""The fork server imports this first and collects no garbage, as that of a training does.

What it becomes collects again (`forked.py`).
"""

import gc

gc.disable()
