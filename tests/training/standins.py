"""Fits and jobs that do as they are told; a file of its own, which other processes import."""

import gc
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from lcclassify.errors import TrainingError


@dataclass(frozen=True)
class StandIn:
    """A fit that does as it is told, in its process."""

    place: Path
    does: str
    name: str = "stand-in"

    @property
    def folder(self):
        return self.place / f"of {self.name}"

    def cost(self):
        return 1.0

    def result(self):
        return None

    def run(self, reporter, watcher):
        (self.place / self.name).write_text(
            f"{os.getpid()} {torch.get_num_threads()} {torch.get_float32_matmul_precision()}"
        )
        if self.does == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.does == "exits":
            os._exit(3)
        elif self.does == "memory":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 TB")
        elif self.does == "bug":
            raise KeyError("a bug")
        elif self.does == "diverges":
            raise TrainingError("its loss is nan")
        elif self.does == "waits":
            time.sleep(600)


@dataclass(frozen=True)
class Waits:
    name: str

    def run(self, tell):
        tell("up")
        time.sleep(600)


@dataclass(frozen=True)
class Interrupted:
    name: str

    def run(self, tell):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        tell("alive")


@dataclass(frozen=True)
class Collects:
    name: str

    def run(self, tell):
        tell("collects", gc.isenabled(), gc.get_freeze_count())
