"""Real `jobgate` processes, most of them forks of one that has imported all."""
