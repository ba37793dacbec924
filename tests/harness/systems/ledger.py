"""What a test has done, in the words of the metrics, so that both can be held against each other."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

#: A route and a status, or a function and an outcome.
Pair = tuple[str, str]


@dataclass
class Ledger:
    """Counts of one kind of thing each; what was never counted is not there."""

    #: Answers of the gateway by route and status.
    requests: Counter[Pair] = field(default_factory=Counter)
    #: Jobs that the gateway made, by function.
    enqueued: Counter[str] = field(default_factory=Counter)
    #: Tries that ended in a worker, by function and outcome.
    tries: Counter[Pair] = field(default_factory=Counter)
    #: Requests that were no HTTP.
    malformed: int = 0

    def answered(self, route: str, status: int, times: int = 1) -> None:
        """Note answers to requests."""
        self.requests[route, str(status)] += times

    def job(self, function: str, *outcomes: str, times: int = 1) -> None:
        """Note enqueued jobs, each with the outcomes of its tries in order."""
        self.enqueued[function] += times
        for outcome in outcomes:
            self.tries[function, outcome] += times

    def __sub__(self, earlier: "Ledger") -> Self:
        """Return what has come on top since `earlier`."""
        return type(self)(
            self.requests - earlier.requests,
            self.enqueued - earlier.enqueued,
            self.tries - earlier.tries,
            self.malformed - earlier.malformed,
        )


class Figures:
    """One scrape: all samples of a `/metrics` page."""

    def __init__(self, page: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(page) for sample in family.samples
        ]

    def value(self, name: str) -> float:
        """Return the sum of all samples of one name; it must be there."""
        values = [sample.value for sample in self._samples if sample.name == name]
        assert values, f"no {name} among the metrics"
        return sum(values)

    def counts(self, name: str, *labels: str, without: str = "") -> Counter[tuple[str, ...]]:
        """Return the sums of samples by the values of these labels, without zeros.

        Samples with a label whose value is `without` are left out.
        """
        counted: Counter[tuple[str, ...]] = Counter()
        for sample in self._samples:
            if sample.name == name and sample.value and without not in sample.labels.values():
                counted[tuple(sample.labels[label] for label in labels)] += int(sample.value)
        return counted
