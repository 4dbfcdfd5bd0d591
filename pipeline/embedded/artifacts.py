"""The files of Apache Kafka, fetched once with Maven and kept in the user's cache."""

import fcntl
import os
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

from schemas.outcomes import ConfigError

__all__ = ["kafka_folder", "cache_folder", "KAFKA_VERSION"]

KAFKA_VERSION = "4.3.0"
FETCH_S = 600
_CLUSTER_ID = "headraceHeadraceHeadra"


def kafka_folder() -> Path:
    """A folder with `libs/`, and the checkpoint a node's data begins with. Raises ConfigError without Maven or Java."""
    folder = cache_folder() / f"apache-kafka-{KAFKA_VERSION}"
    if (folder / "ready").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(folder / "libs")
            _format(folder)
            (folder / "ready").touch()
    return folder


def cache_folder() -> Path:
    """Where fetched artifacts are kept: $HEADRACE_CACHE, else ~/.cache/headrace."""
    return Path(os.environ.get("HEADRACE_CACHE") or Path.home() / ".cache" / "headrace")


def _fetch(libs: Path) -> None:
    with as_file(files("pipeline.embedded") / "kafka" / "pom.xml") as pom:
        _run(
            ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"],
            f"-DoutputDirectory={libs}",
            "-DincludeScope=runtime",
        )


def _format(folder: Path) -> None:
    """What `format` writes into an empty data folder is the same for every cluster but for the ids: keep a copy.

    It takes 2.3 s a node, which a cluster of three would pay three times for each test.
    """
    properties = folder / "format.properties"
    properties.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
        "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2\ncontroller.quorum.voters=1@127.0.0.1:2\n"
        f"log.dirs={folder / 'formatted'}\n"
    )
    libs = str(folder / "libs" / "*")
    _run(["java", "-cp", libs, "kafka.tools.StorageTool", "format"], "-t", _CLUSTER_ID, "-c", str(properties))


def _run(command: list[str], *more: str) -> None:
    try:
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=FETCH_S, check=False)
    except FileNotFoundError as problem:
        raise ConfigError(
            f"{command[0]} is missing: install Java 17 and Maven, or use the embedded broker"
        ) from problem
    except subprocess.TimeoutExpired as problem:
        raise ConfigError(f"{command[0]} took longer than {FETCH_S} s: check the network and try again") from problem
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip()[-2000:]
        raise ConfigError(f"{' '.join(command)} failed, correct this and try again:\n{words}")
