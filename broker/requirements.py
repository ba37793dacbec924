"""Packages that the base install lacks. Imported first, so that a missing one is reported in one sentence."""

from importlib import import_module


def need(*packages: str, extra: str) -> None:
    """Check that packages can be imported.

    Args:
        packages: Names of modules.
        extra: The extra, or extras, of jobgate that install them.

    Raises:
        ModuleNotFoundError: One is missing; the message says what to install.
    """
    for package in packages:
        try:
            import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package:
                raise
            message = f"{package} is not installed: install jobgate with its extra {extra}, {how(extra)}."
            raise ModuleNotFoundError(message, name=package) from None


def how(extra: str) -> str:
    """Return the command that installs an extra, the first one of several."""
    return f"in its folder: pip install '.{extra.partition(' ')[0]}'"


need("redis", "hiredis", extra="[worker] or [gateway]")
