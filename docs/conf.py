"""How the pages are built: `make docs`. Nothing is fetched; warnings are errors."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

import generate  # noqa: E402 - found through the line above

from deployer import __version__  # noqa: E402

project = "jupyterhub-deployer"
copyright = "2026, the jupyterhub-deployer contributors"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "reference/_generated"]  # the generated parts are included, not pages of their own
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = "jupyterhub-deployer"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
html_copy_source = False
# Real output is no program: it is shown as it came.
highlight_language = "text"

generate.write_all(HERE / "reference" / "_generated")
