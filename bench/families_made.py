"""The eighteen families of made worlds: what happened, what it left behind, and what a right answer says.

Loading this registers them all under their names in `bench.families.FAMILIES`.
"""

from bench import families_changed, families_unbroken

__all__ = ["families_changed", "families_unbroken"]
