"""What the gateway alone needs. Imported first, so that a package that is missing is one sentence."""

from jobgate.broker.requirements import need

need("yaml", extra="[gateway]")
