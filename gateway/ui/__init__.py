"""Pages for browsers, as package data: HTML, CSS and JavaScript that load nothing from elsewhere.

`frame/` is what all pages share, `pages/` has each of them, `panels/` what they show, `charts/` draws what
happened over time, `parts/` makes the elements of all that, `api/` talks to the gateway, `calls/` shows
functions and has the form that calls one, `style/` says what everything looks like.
"""

from jobgate.gateway.ui.files import PAGE, ui_files, ui_version

__all__ = ["PAGE", "ui_files", "ui_version"]
