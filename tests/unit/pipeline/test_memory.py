"""What a worker does not load."""

import subprocess
import sys

SCRIPT = """
import sys
from pipeline.memory import keep_memory, spare_pandas
keep_memory()
spare_pandas()
import clickhouse_connect
import numpy
import pyarrow as pa
import pyarrow.compute
column = pa.array(["a", None])
pa.record_batch([column], names=["x"]).to_pylist()
column.to_numpy(zero_copy_only=False)
pa.array(numpy.array(["a"], object))
pa.array(numpy.arange(3)).take(pa.array([1]))
print("pandas" in sys.modules)
import pandas
print("pandas" in sys.modules)
"""


def test_pyarrow_goes_without_pandas_and_plugins_need_not() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["False", "True"]
