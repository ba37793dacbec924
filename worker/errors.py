"""What can go wrong in a worker.

```
WorkerError
├── SettingsError     a setting has a value that cannot be used
│   └── LoadError     the settings or a function cannot be imported
├── ProcessDied       the process that ran a function ended before the function did
├── ProcessRaised     a function in a process raised an exception that cannot be pickled
├── NotTransferable   a function in a process returned a value that cannot be pickled
├── Retry             raised by a function: run this job again (`functions/retries.py`)
└── RetryJob          raised by a function: run this job again at its old place in the queue
```
"""


class WorkerError(Exception):
    """An operation of the worker failed."""


class SettingsError(WorkerError, ValueError):
    """A setting cannot be used: the message names it and says what it must be."""


class LoadError(SettingsError):
    """The settings or a function cannot be imported: check the name and the current directory."""


class ProcessDied(WorkerError):
    """The process that ran a function ended before it: it crashed, or the system ran out of memory.

    Put it into `retry_on` to have such jobs run again.
    """

    def __init__(self, exit_code: int | None) -> None:
        """Keep how the process ended.

        Args:
            exit_code: Its exit code; negative = the signal that killed it; None = it never ran.
        """
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code is not None and self.exit_code < 0:
            return f"the process of the function was killed by signal {-self.exit_code}"
        return f"the process of the function ended with exit code {self.exit_code}"


class ProcessRaised(WorkerError):
    """A function in a process raised an exception that cannot be pickled: this error replaces it."""

    def __init__(self, type_name: str, message: str) -> None:
        """Keep the name and the text of the exception.

        Args:
            type_name: Name of its class.
            message: Its text.
        """
        super().__init__(type_name, message)
        self.type_name = type_name

    def __str__(self) -> str:
        return str(self.args[1])


class NotTransferable(WorkerError):
    """A function in a process returned a value that cannot be pickled: return plain data."""
