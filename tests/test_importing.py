"""Nothing is collected while modules are imported, and all that was collected before is after."""

import gc
import importlib
import subprocess
import sys

import pytest

from lcclassify.importing import uncollected


@pytest.fixture
def new_module(tmp_path, monkeypatch):
    """The name of a module that tells when it is imported whether garbage is collected."""
    (tmp_path / "telling.py").write_text("import gc\ncollected = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "telling", raising=False)
    return "telling"


def test_what_is_imported_stays_and_is_not_looked_through(new_module):
    before = gc.get_freeze_count()
    with uncollected():
        module = importlib.import_module(new_module)
    assert not module.collected
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_what_stood_there_before_can_go_where_nothing_was_imported(new_module):
    importlib.import_module(new_module)
    before = gc.get_freeze_count()
    with uncollected():
        importlib.import_module(new_module)
    assert gc.isenabled()
    assert gc.get_freeze_count() <= before


def test_it_is_collected_again_after_an_error():
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_where_nothing_is_collected_nothing_changes(new_module):
    gc.disable()
    try:
        with uncollected():
            importlib.import_module(new_module)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_server_of_processes_collects_nothing():
    words = "import gc; from lcclassify.training import uncollected; print(gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
