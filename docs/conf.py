"""How Sphinx makes the site: sphinx-build -W -b html docs OUT."""

import udpecho

project = "udpecho"
version = release = udpecho.__version__
copyright = "the authors of udpecho"  # noqa: A001 (Sphinx's name for it)

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
root_doc = "index"

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"AnyReactor": "AnyReactor"}
add_module_names = False
maximum_signature_line_length = 80
toc_object_entries = False

html_theme = "alabaster"
html_theme_options = {
    "description": "UDP done carefully, on Twisted",
    "fixed_sidebar": True,
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "font_size": "16px",
    "page_width": "1120px",
    "sidebar_width": "200px",
}
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
html_show_sphinx = False
