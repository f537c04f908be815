"""The documentation as a site, by Sphinx: CONTRIBUTING.md has the command.

Pages are Markdown, read as well in the repository. They ask nothing of other servers.
"""

from __future__ import annotations

import re
from importlib import metadata
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]

project = "lcclassify"
author = "the lcclassify developers"
release = metadata.version("lcclassify")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["examples"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"lcclassify {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "monokai"
copybutton_exclude = ".linenos, .gp, .go"

# Pages that GitHub and pip look for at the top of the repository.
OUTSIDE = {"CONTRIBUTING.md": "contributing", "CHANGELOG.md": "changelog"}
_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(([^()\s#]+)(#[^()\s]*)?\)")


def _own_links(text: str, page: str) -> str:
    """Make links that are right in the repository right on the site.

    One to a page that lies outside of docs/ leads to that page; of one to another file outside,
    such as a source file, the text stays.

    Args:
        text: Of the page, Markdown.
        page: Its path from the top of the repository.
    """
    folder = PurePosixPath(page).parent

    def linked(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = normpath(folder / target)
        if path in OUTSIDE:
            path = f"docs/{OUTSIDE[path]}.md"
        elif not path.startswith("docs/"):
            return words if (ROOT / path).exists() else match[0]
        elif path.startswith("docs/examples/"):
            return words
        start = "docs" if page in OUTSIDE else folder
        return f"[{words}]({relpath(path, start)}{anchor})"

    return _LINK.sub(linked, text)


def _read(app: Any, name: str, content: list[str]) -> None:
    """Give a page its text: that of the file it stands for, with links of the site."""
    outside = {page: path for path, page in OUTSIDE.items()}.get(name)
    if outside:
        app.env.note_dependency(ROOT / outside)
        content[0] = (ROOT / outside).read_text("utf-8")
    content[0] = _own_links(content[0], outside or f"docs/{name}.md")


def setup(app: Any) -> dict[str, Any]:
    """Connect what pages need beyond the extensions."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
