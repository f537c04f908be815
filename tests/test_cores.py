"""How many fits run at a time: as many as this process has cores, or as is asked for."""

import os
from pathlib import Path

import pytest
import torch

from lcclassify.cores import n_cores
from lcclassify.errors import ConfigError
from lcclassify.tasks.plan import worker_count

QUOTA = "/sys/fs/cgroup/cpu.max"


@pytest.fixture
def machine(monkeypatch):
    """Set the cores that this process is bound to, and its control group's share of time."""
    read_text = Path.read_text

    def made(bound, quota):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(bound)), raising=False)

        def read(path, *args, **kwargs):
            if str(path) != QUOTA:
                return read_text(path, *args, **kwargs)
            if quota is None:
                raise FileNotFoundError(QUOTA)
            return quota

        monkeypatch.setattr(Path, "read_text", read)

    return made


@pytest.mark.parametrize(
    ("bound", "quota", "cores"),
    [
        (8, None, 8),
        (8, "max 100000\n", 8),
        (8, "250000 100000\n", 2),
        (8, "50000 100000\n", 1),  # half a core is one worker
        (1, "400000 100000\n", 1),
        (4, "damaged", 4),
    ],
)
def test_cores_of_a_process(machine, bound, quota, cores):
    machine(bound, quota)
    assert n_cores() == cores


def test_workers_follow_the_cores_or_the_setting(machine):
    machine(6, None)
    cpu = {"accelerator": "cpu", "devices": 1}
    assert worker_count(cpu) == 6
    assert worker_count({**cpu, "workers": "auto"}) == 6
    assert worker_count({**cpu, "workers": 3}) == 3
    assert worker_count({**cpu, "workers": 3, "devices": 2}) == 1  # all devices share each fit
    assert worker_count({"accelerator": "cuda", "devices": 1, "workers": 2}) == 2


@pytest.mark.parametrize(
    ("cores", "free", "workers"), [(16, 79, 4), (16, 23.6, 2), (16, 7.6, 1), (2, 79, 2)]
)
def test_workers_on_a_gpu_follow_its_memory_and_the_cores(
    machine, monkeypatch, cores, free, workers
):
    machine(cores, None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    memory = (int(free * 2**30), 80 * 2**30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: memory)
    assert worker_count({"accelerator": "auto", "devices": 1}) == workers
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert worker_count({"accelerator": "cuda", "devices": 1}) == 1  # Lightning says why not


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, None, "two"])
def test_workers_that_cannot_be(workers):
    with pytest.raises(ConfigError, match=r"trainer\.workers .*must be a whole number"):
        worker_count({"accelerator": "cpu", "devices": 1, "workers": workers})
