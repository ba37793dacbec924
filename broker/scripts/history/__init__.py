"""Scripts that write down what happened, and read it, for later readers."""
