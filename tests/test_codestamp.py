import shutil
from pathlib import Path

import lcclassify
from lcclassify import codestamp


def stamps(monkeypatch, root: Path) -> list[str]:
    monkeypatch.setattr(codestamp, "files", lambda name: root)
    codestamp.code_stamp.cache_clear()
    found = [codestamp.code_stamp(name) for name in ("representations", "tables")]
    codestamp.code_stamp.cache_clear()
    return found


def test_a_stamp_changes_with_the_source_it_is_of(monkeypatch, tmp_path):
    root = tmp_path / "lcclassify"
    shutil.copytree(Path(lcclassify.__file__).parent, root)
    before = stamps(monkeypatch, root)
    assert stamps(monkeypatch, root) == before
    assert before[0] != before[1]

    (root / "representations" / "__pycache__").mkdir(exist_ok=True)
    (root / "representations" / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    assert stamps(monkeypatch, root) == before

    with (root / "representations" / "features" / "shape.py").open("a") as file:
        file.write("# no change of what it does\n")
    changed = stamps(monkeypatch, root)
    assert changed[0] != before[0]
    assert changed[1] == before[1]

    with (root / "cosmology.py").open("a") as file:
        file.write("\n")
    after = stamps(monkeypatch, root)
    assert after[0] != changed[0]
    assert after[1] != changed[1]


def test_a_stamp_changes_with_the_version(monkeypatch):
    codestamp.code_stamp.cache_clear()
    before = codestamp.code_stamp("tables")
    codestamp.code_stamp.cache_clear()
    monkeypatch.setattr(codestamp, "version", lambda name: "999")
    assert codestamp.code_stamp("tables") != before
    codestamp.code_stamp.cache_clear()
