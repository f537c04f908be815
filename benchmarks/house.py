"""Prints how the source is built: its size by package, long files, circles, and what stands twice.

    python benchmarks/house.py

needs import-linter of the extra `dev`, which brings grimp.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

import grimp

PACKAGE = "lcclassify"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
LONG = 350  # lines
RUN = 6  # lines that count as said twice


def code_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a file without blanks at their ends, imports and comments, numbered."""
    found = []
    within_import = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if text.startswith(("import ", "from ")):
            within_import = text.endswith("(")
        elif within_import:
            within_import = text != ")"
        elif text and not text.startswith("#"):
            found.append((number, text))
    return found


def repeated(files: dict[str, list[tuple[int, str]]]) -> list[tuple[int, list[str]]]:
    """Return runs of lines that stand in several files: their length and places, longest first."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, lines in files.items():
        for start in range(len(lines) - RUN + 1):
            places[tuple(text for _, text in lines[start : start + RUN])].append((name, start))
    pairs: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for where in places.values():
        for i, (one, first) in enumerate(where):
            for other, second in where[i + 1 :]:
                if one != other:
                    pairs[one, other, second - first].append(first)
    runs = []
    for (one, other, shift), starts in pairs.items():
        begin = previous = None
        for start in [*sorted(starts), None]:
            if begin is not None and (start is None or start != previous + 1):
                length = previous - begin + RUN
                lines = (files[one][begin][0], files[other][begin + shift][0])
                runs.append((length, [f"{one}:{lines[0]}", f"{other}:{lines[1]}"]))
                begin = None
            begin = start if begin is None else begin
            previous = start
    return sorted(runs, key=lambda run: (-run[0], run[1]))


def circles() -> list[str]:
    """Return pairs of modules each of which imports the other, directly or not."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True)
    return [
        f"{module} -> {imported}"
        for module in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(module))
        if graph.chain_exists(importer=imported, imported=module)
    ]


def main() -> None:
    """Print it all."""
    paths = sorted(SOURCE.rglob("*.py"))
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    packages: dict[str, list[int]] = defaultdict(list)
    for path, size in sizes.items():
        packages[path.relative_to(SOURCE).parts[0] if path.parent != SOURCE else "."].append(size)
    print(f"{'package':16} {'lines':>7} {'files':>6}")
    for name, found in sorted(packages.items(), key=lambda item: -sum(item[1])):
        print(f"{name:16} {sum(found):7,} {len(found):6}")
    print(f"{'all':16} {sum(sizes.values()):7,} {len(sizes):6}")
    full = [size for size in sizes.values() if size > 1]
    print(f"median of a file: {statistics.median(full):.0f} lines")
    for path, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if size > LONG:
            print(f"long: {path.relative_to(SOURCE)}, {size} lines")
    found_circles = circles()
    for circle in found_circles or ["none"]:
        print(f"circle: {circle}")
    runs = repeated({str(path.relative_to(SOURCE)): code_lines(path) for path in paths})
    for length, where in runs:
        print(f"{length} lines twice: {', '.join(where)}")
    print(f"{len(runs)} runs of {RUN} lines or more that stand in two files")


if __name__ == "__main__":
    main()
