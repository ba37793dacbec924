"""What one schema lets pass and another does not."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Loss:
    """Values that fit the one schema and not the other."""

    #: Where in the value, such as `.lines[].count`; empty = the value itself.
    place: str
    #: Which values, such as "text longer than 10 characters"; or why it cannot be told.
    what: str
    #: Whether there certainly are such values.
    certain: bool = True
