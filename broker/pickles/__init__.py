"""Reading pickles: as plain data, without importing or calling anything, or fully where they are trusted."""

from jobgate.broker.pickles.limits import FULL, QUICK, Limits, TooLarge
from jobgate.broker.pickles.plain import clean
from jobgate.broker.pickles.reader import read_pickle
from jobgate.broker.pickles.trusted import load_trusted

__all__ = ["FULL", "QUICK", "Limits", "TooLarge", "clean", "load_trusted", "read_pickle"]
