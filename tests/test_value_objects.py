"""Value objects do not change once they are made: others may hold them, too."""

import re
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "lcclassify"
# What goes on: a run's context, a step in the terminal, a search.
CHANGING = {"TrainingContext", "_Running", "Claim"}


def test_dataclasses_are_frozen():
    text = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    made = re.findall(r"^@dataclass(.*)\nclass (\w+)", text, re.MULTILINE)
    assert len(made) > 100
    assert {name for how, name in made if "frozen=True" not in how} == CHANGING
