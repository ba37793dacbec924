"""Files of settings: `jobgate.toml` in the working directory, and one of the user's own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jobgate.cli.remote.errors import ConfigurationError

#: What a profile may have, each a text.
MEMBERS: Final = (
    "url", "key", "ca_file", "proxy", "request_timeout", "namespace", "serializer",
)  # fmt: skip

Profile = Mapping[str, str]


def find_profile(name: str | None, file: Path | None) -> Profile:
    """Return the members of a profile; empty where none is wanted and there is no file.

    Args:
        name: Name of a table of the files; None = the settings above all tables.
        file: The only file to look at; None = `jobgate.toml`, then the user's own file.

    Raises:
        ConfigurationError: A file cannot be used, or there is no such profile.
    """
    files = [file] if file is not None else [path for path in _places() if path.is_file()]
    known: list[str] = []
    for path in files:
        tables = _read(path)
        if name is None:
            return _profile(path, {k: v for k, v in tables.items() if not isinstance(v, dict)})
        if isinstance(found := tables.get(name), dict):
            return _profile(path, found)
        known += [each for each, value in tables.items() if isinstance(value, dict)]
    if name is None:
        return {}
    where = " or ".join(map(str, files or _places()))
    raise ConfigurationError(f"there is no profile [{name}] in {where}{_instead(name, known)}")


def _places() -> list[Path]:
    home = os.environ.get("XDG_CONFIG_HOME")
    own = Path(home) if home else Path("~/.config").expanduser()
    return [Path("jobgate.toml"), own / "jobgate" / "config.toml"]


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - most commands have no file to read

    try:
        return tomllib.loads(path.read_text("utf-8-sig"))  # some editors begin a file with a signature
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply.") from None


def _profile(path: Path, members: Mapping[str, Any]) -> Profile:
    for name, value in members.items():
        if name not in MEMBERS:
            raise ConfigurationError(f"{path}: {name!r} is not a setting{_instead(name, MEMBERS)}")
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {name} must be a text in quotes.")
    return members


def _instead(name: str, known: list[str] | tuple[str, ...]) -> str:
    import difflib  # noqa: PLC0415 - only for a message

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f", did you mean {near[0]!r}?"
    return f"; there are: {', '.join(known)}." if known else "."
