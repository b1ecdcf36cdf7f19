"""What a training step does across processes: all send their rank to the first, which tells each the sum. Its own address is in MASTER_ADDR."""
import os
import socket
import sys
import time

RANK, SIZE = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
PLACE = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))


def total() -> int:
    if RANK == 0:
        server = socket.create_server(("", PLACE[1]))
        server.settimeout(20)
        peers = [server.accept()[0] for _ in range(SIZE - 1)]
        found = sum(int(peer.makefile().readline()) for peer in peers)
        for peer in peers:
            peer.sendall(f"{found}\n".encode())
        return found
    end = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection(PLACE, timeout=2) as first:
                first.sendall(f"{RANK}\n".encode())
                return int(first.makefile().readline())
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"rank {RANK} cannot reach {PLACE}: {error}")
            time.sleep(0.1)


# At once, as others write too.
os.write(1, f"rank {RANK} of {SIZE} on {os.environ['SLURMD_NODENAME']}: sum {total()}, {' '.join(sys.argv[1:])}, in {sys.prefix}\n".encode())
