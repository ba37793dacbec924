"""What the base install does not have. Imported first, so that a package that is missing is one sentence."""

from importlib import import_module


def need(*packages: str, extra: str) -> None:
    """See that packages can be imported.

    Args:
        packages: names of modules.
        extra: the extra, or extras, of jobgate that bring them.

    Raises:
        ModuleNotFoundError: one is missing; the message says what to install.
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
    """Return the command that installs an extra, or the first of several."""
    return f"in its folder: pip install '.{extra.partition(' ')[0]}'"


need("redis", "hiredis", extra="[worker] or [gateway]")
