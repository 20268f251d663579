"""The chart, and what is made from it: `python -m helm.generate`."""
