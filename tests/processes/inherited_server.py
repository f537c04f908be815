"""The server that a command's processes are forked from, without imports of its own.

Such a server is a new interpreter, and spends five seconds on importing what the command, which
was forked, has inherited.
"""

import json
import os
import signal
import socket
from multiprocessing import forkserver, util

IMPORT = "from multiprocessing.forkserver import main; "


def prepare():
    """Fork a process that waits to become the server; it ends with this one unless it has."""
    ours, its = socket.socketpair()
    number = os.fork()
    if number == 0:
        ours.close()
        try:
            _wait_and_serve(its)
        finally:
            os._exit(0)
    its.close()
    start = util.spawnv_passfds

    def spawnv_passfds(path, words, descriptors):
        if not words[-1].startswith(IMPORT) or len(descriptors) != 2:
            return start(path, words, descriptors)
        told = json.dumps({"code": words[-1].removeprefix(IMPORT), "environment": {**os.environ}})
        socket.send_fds(ours, [len(told).to_bytes(8), told.encode()], descriptors)
        util.spawnv_passfds = start
        return number

    util.spawnv_passfds = spawnv_passfds


def _wait_and_serve(its):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    size, descriptors, *_ = socket.recv_fds(its, 8, 2)
    if not size:
        return
    with its.makefile("rb") as file:
        told = json.loads(file.read(int.from_bytes(size)))
    its.close()
    os.environ.update(told["environment"])

    def main(listener, alive, preloaded, **data):
        """Serve with the same descriptors under the numbers that they have here."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        forkserver.main(*descriptors, preloaded, **data)

    exec(told["code"], {"main": main})
