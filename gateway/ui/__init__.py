"""Pages for browsers, as package data: HTML, CSS and JavaScript that load nothing from elsewhere.

`frame/` is what all pages share, `pages/` shows each of them, `parts/` makes their elements, `api/` talks to
the gateway, `calls/` has the form that calls a function, `style/` says what everything looks like.
"""
