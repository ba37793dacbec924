"""A small project to begin with, which `jobgate init` writes: each file is here, as NAME.txt."""

from jobgate.cli.project.files import FILES, ProjectError, write_project

__all__ = ["FILES", "ProjectError", "write_project"]
