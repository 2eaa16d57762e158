"""The allocator of this process, kept from handing one part's leavings to another."""

from __future__ import annotations

import ctypes

# malloc.h of the GNU C library: what is given out is filled with the complement of the byte that is set.
_M_PERTURB = -6
_GIVEN_OUT_AS_ZEROS = 0xFF


def blank_heap() -> bool:
    """Memory from malloc is zero from now on, for all of the process; False where the C library cannot do so.

    Chroma's index writes whole blocks to its files, parts it never filled among them: without this, what an earlier
    owner left there (a page that a vendor sent, a header with a key) would be in a file. Source: mallopt(3), M_PERTURB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_M_PERTURB, _GIVEN_OUT_AS_ZEROS))
