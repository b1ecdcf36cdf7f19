"""A headless Chromium for tests, driven over the pipe of its DevTools protocol: no port, no other package."""
from __future__ import annotations

import base64
import json
import os
import select
import shutil
import struct
import subprocess
import tempfile
import time
import zlib
from typing import Any

PROGRAM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
PATIENCE = 120


def colour_of_png(data: bytes) -> tuple[int, ...]:
    """The colour of a picture of one pixel (red, green, blue): of the first one no filter changes the bytes."""
    pixels = b""
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            pixels += data[at + 8:at + 8 + size]
        at += size + 12
    return tuple(zlib.decompress(pixels)[1:4])


class Browser:
    """One page; what it asks of anybody is in `requests`."""

    def __init__(self) -> None:
        assert PROGRAM is not None
        self.folder = tempfile.mkdtemp(prefix="hpcenv-browser-")
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "sh", PROGRAM, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
             f"--user-data-dir={self.folder}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(commands, answers), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C.UTF-8"})
        os.close(commands)
        os.close(answers)
        self.buffer = b""
        self.last = 0
        self.events: list[dict[str, Any]] = []
        self.session: str | None = None
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        os.close(self.commands)
        os.close(self.answers)
        shutil.rmtree(self.folder, ignore_errors=True)

    def message(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], max(deadline - time.monotonic(), 0))
            piece = os.read(self.answers, 1 << 20) if ready else b""
            if not piece:
                raise RuntimeError(f"{PROGRAM} gives no answer")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.last += 1
        question = {"id": self.last, "method": method, "params": parameters}
        if self.session is not None:
            question["sessionId"] = self.session
        os.write(self.commands, json.dumps(question).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def open(self, address: str, width: int, scheme: str = "light", media: str = "screen") -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self.ask("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def value(self, expression: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def colour_at(self, x: int, y: int) -> tuple[int, ...]:
        clip = {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}
        return colour_of_png(base64.b64decode(self.ask("Page.captureScreenshot", format="png", clip=clip)["data"]))

    def picture(self, file: str) -> None:
        """The whole page, for a person to look at."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(file, "wb") as out:
            out.write(base64.b64decode(data))

    def requests(self) -> list[str]:
        return [event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        return [event["params"]["entry"]["text"] for event in self.events if event["method"] == "Log.entryAdded"]
