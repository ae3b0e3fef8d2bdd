"""Starts a real Spark cluster for tests, on this machine only: a master, workers, a server."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.programs import package, program
from tests.prometheus_server import free_port, listens

# A loaded machine takes a minute for the four of them.
_PATIENCE = 180.0
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"
# Small questions on few rows: what speeds up large ones would only take its time here.
_SETTINGS = {
    "spark.executor.memory": "700m",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
}


@contextmanager
def spark_cluster(folder: Path) -> Iterator[str]:
    """The Spark Connect address of a cluster that keeps its data and logs under `folder`."""
    program("java", package="default-jre-headless")
    home = package("pyspark", requirements="requirements-spark.txt")
    with ExitStack() as stack:

        def start(log: str, memory: str, *command: str) -> subprocess.Popen[bytes]:
            path = folder / log
            environment = {
                **os.environ,
                "SPARK_HOME": str(home),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_LOCAL_DIRS": str(folder / "local"),
                "SPARK_WORKER_DIR": str(folder / "work"),
                "SPARK_DAEMON_MEMORY": memory,
            }
            # The wheel has the programs of a cluster, though no scripts that start them all.
            called = ["bash", str(home / "bin" / "spark-class"), *command]
            file = stack.enter_context(path.open("ab"))
            process = subprocess.Popen(called, stdout=file, stderr=file, env=environment)
            stack.callback(_end, process)
            return process

        port, connect = free_port(), free_port()
        loopback = ("--host", "127.0.0.1")
        start("master.log", "256m", _MASTER, *loopback, "--port", str(port), "--webui-port", "0")
        _wait(port, folder / "master.log")
        master = f"spark://127.0.0.1:{port}"
        for number in (1, 2):
            worker = (*loopback, "--cores", "1", "--memory", "1g", "--webui-port", "0")
            start(f"worker{number}.log", "256m", _WORKER, *worker, master)
        settings = {
            **_SETTINGS,
            "spark.connect.grpc.binding.port": str(connect),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
        chosen = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
        server = ("--class", _CONNECT, "--master", master, *chosen, "spark-internal")
        start("connect.log", "1g", _SUBMIT, *server)
        _wait(connect, folder / "connect.log")
        yield f"sc://127.0.0.1:{connect}"
    shutil.rmtree(folder / "local", ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not listens(port):
        if time.monotonic() > deadline:
            raise AssertionError(f"nobody came to listen on {port}:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
