"""A torchrun for tests where no torch is: its options, its meeting of nodes by TCP, its environment of the processes.

What real ones do and this one does: all nodes meet at --rdzv-endpoint, where exactly one has to be told is_host; the processes meet
again, at the address of the host of rank 0, which is its own host name or --local-addr (an option of 2.5 and newer). TORCH_VERSION is
replaced by whoever installs it.
"""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time

VERSION = tuple(int(part) for part in "TORCH_VERSION".split(".")[:2])
PATIENCE = float(os.environ.get("PATIENCE", "20"))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torchrun", allow_abbrev=False)
    for name in ("--nnodes", "--nproc_per_node", "--rdzv_backend", "--rdzv_id", "--rdzv_endpoint", "--rdzv_conf", "-r", "-t"):
        # Dashes came with 2.0.
        parser.add_argument(name, *([name.replace("_", "-")] if VERSION >= (2, 0) else []), default="")
    parser.add_argument("--standalone", action="store_true")
    if VERSION >= (2, 5):
        parser.add_argument("--local-addr", "--local_addr", default="")
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    if not chosen.standalone and chosen.rdzv_backend != "c10d":
        parser.error("this one knows c10d only")
    return chosen


def connected(host: str, port: int) -> socket.socket:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection((host, port), timeout=2)
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"torchrun: no rendezvous at {host}:{port}: {error}")
            time.sleep(0.1)


def meet(chosen: argparse.Namespace) -> tuple[int, str]:
    """This node's rank, and the address of the first one's processes."""
    address = getattr(chosen, "local_addr", "") or socket.gethostname()
    nodes = int(chosen.nnodes)
    host, port = chosen.rdzv_endpoint.rsplit(":", 1)
    if chosen.rdzv_conf == "is_host=1":
        server = socket.create_server(("", int(port)))
        server.settimeout(2 * PATIENCE)
        try:
            others = [server.accept()[0] for _ in range(nodes - 1)]
        except TimeoutError:
            sys.exit("torchrun: the other nodes did not come")
        for rank, other in enumerate(others, 1):
            if json.loads(other.makefile().readline()) != chosen.rdzv_id:
                sys.exit("torchrun: another job's node came")
            other.sendall((json.dumps([rank, address]) + "\n").encode())
        return 0, address
    with connected(host, int(port)) as first:
        first.sendall((json.dumps(chosen.rdzv_id) + "\n").encode())
        rank, master = json.loads(first.makefile().readline())
        return rank, master


def main() -> int:
    chosen = options()
    rank, master = (0, "localhost") if chosen.standalone else meet(chosen)
    local, nodes = int(chosen.nproc_per_node), int(chosen.nnodes or 1)
    port = str(20000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 10000)
    workers = []
    for index in range(local):
        variables = {"RANK": rank * local + index, "LOCAL_RANK": index, "WORLD_SIZE": nodes * local, "MASTER_ADDR": master, "MASTER_PORT": port}
        workers.append(subprocess.Popen([sys.executable, "-u", chosen.script, *chosen.arguments],
                                        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
                                        start_new_session=True))
    signal.signal(signal.SIGTERM, lambda *_: [worker.terminate() for worker in workers])
    codes = [worker.wait() for worker in workers]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
