"""The providers of sandboxes, a file each; what stands beside `local.py` is what it is made of."""
