"""What is slow by nature has two forms: `make test` runs the short one, `make faults` the long one."""

import os

#: Whether this run is of the long form.
LONG = bool(os.environ.get("JOBGATE_TEST_LONG"))
