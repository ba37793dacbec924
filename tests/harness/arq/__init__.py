"""Stock arq beside jobgate, each version in an environment of its own."""
