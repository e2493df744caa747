"""The algorithm, written once: supersteps, tasks and writes, with no threads, no clock and no I/O."""
