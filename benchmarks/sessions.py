"""Browser tabs without a browser: they speak Streamlit's protocol over websockets."""

from __future__ import annotations

import asyncio
import re
import time
from types import TracebackType

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

# How pages name the edition that they show.
_EDITION = re.compile(rb"Edition (\d+)")


class Session:
    """One open tab: its first run and every later one ends when the script has finished."""

    def __init__(self, address: str, cookie: str | None = None) -> None:
        self._address = address.replace("http://", "ws://") + "/_stcore/stream"
        self._headers = {"Cookie": cookie} if cookie else None
        self.bytes = 0
        self.edition: int | None = None  # which the last run has shown; None where it has none

    async def __aenter__(self) -> Session:
        self._socket = await websockets.connect(
            self._address,
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
            additional_headers=self._headers,
            open_timeout=60,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()

    async def run(self, page: str = "", query: str = "") -> float:
        """Asks for a full run of a page, waits until all of it has come; the seconds it took."""
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.query_string = query
        self.edition = None
        started = time.perf_counter()
        await self._socket.send(asked.SerializeToString())
        finished = False
        while not finished:
            received = await asyncio.wait_for(self._socket.recv(), 60)
            assert isinstance(received, bytes)
            self.bytes += len(received)
            if shown := _EDITION.search(received):
                self.edition = int(shown[1])
            message = ForwardMsg.FromString(received)
            finished = message.WhichOneof("type") == "script_finished"
            if finished and message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                # A script that was overtaken by another question is followed by that one's run.
                finished = message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return time.perf_counter() - started
