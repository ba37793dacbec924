"""Worker processes that run a module of jobs, and the file in which its functions write down what they do."""

from pathlib import Path

from harness.processes.commands import Process, Processes


class Fleet:
    """Workers of one module; `HISTORY` in their environment names the file that its functions write to.

    Args:
        processes: starts the workers.
        folder: where the module and the history lie.
        url: of Redis.
        jobs: source of the module, with its `WorkerSettings`.
    """

    def __init__(self, processes: Processes, folder: Path, url: str, jobs: str) -> None:
        (folder / "jobs.py").write_text(jobs)
        self.history = folder / "history"
        self.history.touch()
        self.environment = {"HISTORY": str(self.history)}
        self._processes, self._folder, self._url = processes, folder, url

    def start(self) -> Process:
        """Start one more worker; it serves /livez when this returns."""
        return self._processes.worker(
            "jobs.WorkerSettings", self._url, cwd=self._folder, env=self.environment
        )
