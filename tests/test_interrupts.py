"""Ctrl-C that a library loses."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from lcclassify.interrupts import heard_interrupts, interrupts_kept


@pytest.fixture(autouse=True)
def _pythons_own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def turned_into_another_error():
    try:
        interrupt()
    finally:
        raise KeyError("what a clean-up stumbled over")


class Deleted:
    """Something that ctrl-C meets while it is deleted: Python shows the error and continues."""

    def __del__(self):
        interrupt()


def while_something_is_deleted():
    Deleted()


def dropped():
    with contextlib.suppress(KeyboardInterrupt):
        interrupt()


@pytest.mark.parametrize(
    "lose", [interrupt, turned_into_another_error, while_something_is_deleted, dropped]
)
def test_the_command_ends(lose):
    with pytest.raises(KeyboardInterrupt), heard_interrupts():
        lose()


@pytest.mark.parametrize("lose", [turned_into_another_error, dropped])
def test_what_records_errors_ends(lose):
    recorded = []

    def goes_on():
        for _ in range(3):
            try:
                with interrupts_kept():
                    lose()
            except Exception as error:
                recorded.append(error)

    with pytest.raises(KeyboardInterrupt), heard_interrupts():
        goes_on()
    assert recorded == []


def test_errors_stay_what_they_are_without_one():
    with pytest.raises(KeyError, match="mine"), heard_interrupts(), interrupts_kept():
        raise KeyError("mine")
    with pytest.raises(KeyboardInterrupt), heard_interrupts():
        interrupt()
    with pytest.raises(KeyError, match="mine"), heard_interrupts():
        raise KeyError("mine")  # the one above is forgotten


def test_a_message_is_kept():
    def told():
        try:
            interrupt()
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt("go on so") from stop

    with pytest.raises(KeyboardInterrupt, match="go on so"), heard_interrupts():
        told()


def test_other_threads_and_other_handlers_are_left_alone():
    seen = []

    def in_a_thread():
        with heard_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with heard_interrupts():
        seen.append(signal.getsignal(signal.SIGINT))
        interrupt()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [signal.default_int_handler, signal.SIG_IGN]


def test_one_that_omegaconf_loses():
    """Wherever the signal comes while a configuration is copied, the process is interrupted."""
    code = """
import os, signal, sys
from omegaconf import OmegaConf
from lcclassify.interrupts import heard_interrupts, interrupts_kept
config = OmegaConf.create({"a": {"b": {"c": [1, 2, {"d": 3}]}}})
lost, failed = 0, 0
for calls in range(1, 400, 2):
    left = calls
    def count(frame, event, argument):
        global left
        left -= 1
        if left == 0:
            sys.setprofile(None)
            os.kill(os.getpid(), signal.SIGINT)
    try:
        with heard_interrupts():
            try:
                with interrupts_kept():
                    sys.setprofile(count)
                    config.copy()
                    sys.setprofile(None)
            except Exception:
                failed += 1
    except KeyboardInterrupt:
        if left > 0:
            sys.exit("interrupted by nobody")
    else:
        lost += left <= 0
print(lost, failed)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "0 0\n")


def test_what_is_dropped_while_something_is_deleted_is_not_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), heard_interrupts():
        while_something_is_deleted()
    assert not shown
    assert sys.unraisablehook is hook
    while_something_is_deleted()
    assert [one.exc_type for one in shown] == [KeyboardInterrupt]
