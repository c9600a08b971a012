"""The pure core: values in, verdicts out, with no I/O, no clock and no logging."""
