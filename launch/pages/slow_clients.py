"""Connections of a page's server, and which of them are closed: clients that are slow, and clients that are too many.

uvicorn has no time limit for a request that arrives byte by byte. hypercorn and waitress limit the time between two
reads, so that a byte every few seconds passes; waitress and granian count connections, but not those of one address.
The limits here stand on uvicorn's own protocol class, which reads every connection in one event loop and so spends no
thread on a client that waits.

A connection has patience, in seconds. While the server waits for the client, patience falls with time and rises with
every byte. A connection without patience is closed. A new connection over a limit closes the one with least patience,
so that slow clients never keep others out.
"""

import asyncio
import dataclasses
import heapq
import ipaddress
import resource
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TICK = 0.5  # seconds between two looks at all connections
_DROPPED_AT_ONCE = 0.05  # share of all connections: looking for the least patience costs less than once for each


@dataclasses.dataclass(frozen=True)
class ClientLimits:
    """What clients may take.

    Attributes:
      rate: bytes a second that a client must send, or take of an answer, on average.
      first_seconds: patience with a connection that begins, or begins a new request.
      pause_seconds: most patience with any client: how long it may send nothing.
      transfer_seconds: for one request to arrive, and for its answer to be taken.
      connections: of all clients together; at most half of the files that this process may open.
      connections_of_address: of one IPv4 address, or one IPv6 network of 64 bits, which is what one customer gets.
      room: bytes of all requests and answers that are held at once.
    """

    rate: float = 1000.0
    first_seconds: float = 10.0
    pause_seconds: float = 20.0
    transfer_seconds: float = 600.0
    connections: int = 1000
    connections_of_address: int = 64
    room: int = 1 << 30

    @property
    def open_connections(self) -> int:
        return min(self.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


class LimitedProtocol(H11Protocol):
    """A connection of uvicorn's that is one of `clients`."""

    def __init__(self, clients: "Clients", **arguments):
        super().__init__(**arguments)
        self._clients = clients
        self._limits = clients.limits
        self.address = ""  # what is counted as one client
        self.patience = self._limits.first_seconds
        self.held_bytes = 0  # of the request, or of the answer that is not taken yet
        self.turn_began = time.monotonic()  # when the server began to wait for this client
        self._looked = self.turn_began
        self._unsent = 0  # bytes of the answer at the last look

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.address = name_client(transport.get_extra_info("peername"))
        self._clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self.held_bytes += len(data)
        self._clients.held_bytes += len(data)
        self._add_patience(len(data))
        super().data_received(data)
        self._clients.make_room()

    def on_response_complete(self) -> None:
        self._hold_answer()
        self.turn_began = time.monotonic()
        super().on_response_complete()

    @property
    def waits_for_client(self) -> bool:
        """Whether the next step is the client's: to send more of a request, or to take more of an answer."""
        is_answering = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        return not is_answering or self._count_unsent() > 0

    def look(self, now: float) -> None:
        """Takes patience for the time since the last look. Closes the connection where none is left."""
        passed = now - self._looked
        self._looked = now
        if not self.waits_for_client:
            self.patience = self._limits.pause_seconds
            self.turn_began = now
            return
        taken = self._unsent - self._count_unsent()
        self._unsent -= taken
        self._add_patience(max(0, taken))
        if self.cycle is not None and self.cycle.response_complete:
            self._hold_answer()
        self.patience -= passed
        if self.patience < 0 or now - self.turn_began > self._limits.transfer_seconds:
            self.drop(408, "too slow: the request did not arrive in time")

    def drop(self, status: int, reason: str) -> None:
        """Closes the connection, with an answer where none was begun."""
        self._clients.remove(self)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            self._answer(status, reason)
        if self._count_unsent():
            self.transport.abort()  # who does not read would keep the answer in memory
        else:
            self.transport.close()

    def _answer(self, status: int, reason: str) -> None:
        headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
        response = h11.Response(status_code=status, headers=headers)
        for part in (response, h11.Data(data=f"{reason}\n".encode()), h11.EndOfMessage()):
            self.transport.write(self.conn.send(part))

    def _hold_answer(self) -> None:
        """Counts what is left of the answer as held, and no longer its request."""
        unsent = self._count_unsent()
        self._clients.held_bytes += unsent - self.held_bytes
        self.held_bytes = unsent

    def _add_patience(self, count: int) -> None:
        """For `count` bytes that came or went."""
        self.patience = min(self._limits.pause_seconds, self.patience + count / self._limits.rate)

    def _count_unsent(self) -> int:
        return self.transport.get_write_buffer_size()


class Clients:
    """The connections of one server. Everything happens in the server's event loop."""

    def __init__(self, limits: ClientLimits):
        self.limits = limits
        self._connections: set[LimitedProtocol] = set()
        self._of_address: dict[str, set[LimitedProtocol]] = {}
        self._is_looking = False
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: LimitedProtocol) -> None:
        """Takes a new connection. Over a limit, connections with little patience are closed, or else the new one."""
        same = self._of_address.setdefault(connection.address, set())
        same.add(connection)
        self._connections.add(connection)
        if len(same) > self.limits.connections_of_address:
            self._drop_weakest(same, 1, connection, "too many connections from your address; try again in a moment")
        most = self.limits.open_connections
        if len(self._connections) > most:
            count = max(1, int(most * _DROPPED_AT_ONCE))
            self._drop_weakest(self._connections, count, connection, "too many connections; try again in a moment")
        if not self._is_looking:
            self._is_looking = True
            self._look()

    def remove(self, connection: LimitedProtocol) -> None:
        """Counts a connection no longer; it may have been removed before."""
        if connection in self._connections:
            self.held_bytes -= connection.held_bytes
        self._connections.discard(connection)
        same = self._of_address.get(connection.address, set())
        same.discard(connection)
        if not same:
            self._of_address.pop(connection.address, None)

    def make_room(self) -> None:
        """Closes connections with little patience that hold much, until what is held fits into the room."""
        while self.held_bytes > self.limits.room:
            holding = [one for one in self._connections if one.waits_for_client and one.held_bytes]
            if not holding:
                return  # all of it is being answered
            weakest = min(holding, key=lambda one: (int(one.patience), -one.held_bytes))
            weakest.drop(503, "too much is being sent here; try again in a moment")

    def _drop_weakest(self, among: set[LimitedProtocol], count: int, newest: LimitedProtocol, reason: str) -> None:
        waiting = [one for one in among if one.waits_for_client and one is not newest]
        for connection in heapq.nsmallest(count, waiting, key=_rank) or [newest]:
            connection.drop(503, reason)

    def _look(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections):
            connection.look(now)
        self.make_room()
        self._is_looking = bool(self._connections)
        if self._is_looking:
            asyncio.get_running_loop().call_later(_TICK, self._look)


def name_client(peer: tuple | None) -> str:
    """The address of a socket's other end, for IPv6 the network of 64 bits; empty where it has none."""
    if not peer:
        return ""
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _rank(connection: LimitedProtocol) -> tuple[int, float]:
    """Least for the connection to close first: the least patience in whole seconds, then the longest turn."""
    return int(connection.patience), connection.turn_began
