"""The page that holds a report: one template, its style and its script inside the file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Environment


def rendered(content: Mapping[str, Any]) -> str:
    """Return a report as HTML.

    Args:
        content: What ``report.html`` of the folder ``templates`` asks for.
    """
    environment = _environment()
    own = {name: _source(environment, f"report.{name}") for name in ("css", "js")}
    return environment.get_template("report.html").render(**own, **content)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("lcclassify.evaluation.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(environment: Environment, name: str) -> Markup:
    """Return a file of the package as it is; what comes from data is never read by this."""
    assert environment.loader is not None  # noqa: S101
    return Markup(environment.loader.get_source(environment, name)[0])  # noqa: S704
