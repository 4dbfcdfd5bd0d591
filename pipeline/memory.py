"""How a worker's memory is managed: kept and used again instead of handed back and asked for anew.

Batches of megabytes come and go many times a second. With the allocators' defaults each of them is mapped
fresh and its pages are faulted in one by one: measured on 2.5 MB batches of 1 KB events, reading an Arrow message
cost 3.7 µs an event with Arrow's default pool, 0.2 when the memory is used again. The bound on what is held is the
commit's `pending_bytes_max`, so keeping it costs nothing that was not needed at the peak.
"""

import ctypes
import gc
import os
import sys

__all__ = ["keep_memory", "spare_pandas", "warm_up"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
_MIB = 1024 * 1024


def keep_memory() -> bool:
    """Use the C library's heap for everything and let it keep what is freed. False where it is not glibc.

    To be called before pyarrow is loaded: `pyarrow.set_memory_pool` leaves what Arrow allocates by itself, while it
    compresses or computes, to the pool that was chosen at loading: a twentieth of accept by its profile.
    """
    assert "pyarrow" not in sys.modules, "pyarrow has chosen its memory pool already: call this first"
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False  # another C library: correct, only slower
    wishes = {
        _M_MMAP_THRESHOLD: 32 * _MIB,  # the largest it accepts
        _M_TRIM_THRESHOLD: 256 * _MIB,
        _M_TOP_PAD: 16 * _MIB,
        _M_ARENA_MAX: 1,  # the threads hand buffers to each other; arenas of their own would each keep a peak
    }
    return all(mallopt(name, value) == 1 for name, value in wishes.items())


class _NoPandas:
    """Says of pandas that it is not installed."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def spare_pandas() -> None:
    """Load pyarrow without pandas, which it would load at its first array where that is installed: 34 MB a worker.

    It looks twice, once for arrays and once for objects, and never again. Plugins can use pandas as they like.
    """
    sys.meta_path.insert(0, _NoPandas)
    try:
        import numpy
        import pyarrow as pa

        pa.array(numpy.zeros(1))
        pa.array([""])
    finally:
        sys.meta_path.remove(_NoPandas)


def warm_up() -> None:
    """Spare the collector what has been loaded, and stays.

    A batch makes tens of thousands of objects that die with it and form no cycles; collecting them with the default
    thresholds cost a tenth of accept's time.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
