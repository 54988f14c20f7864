"""The device's end of the adb protocol: messages over TCP, and the streams that they carry."""

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

HEADER = struct.Struct("<4s5I")
PROTOCOL_VERSION = 0x01000001  # from here on, nobody looks at checksums
MAX_PAYLOAD_BYTES = 256 * 1024
AUTH_TOKEN, AUTH_SIGNATURE = 1, 2


class Gone(Exception):  # noqa: N818 - no mistake, the usual end
    """The connection ended."""


@dataclass(frozen=True)
class Message:
    command: bytes
    first: int
    second: int
    payload: bytes


class Stream:
    """One service's pipe to the client."""

    def __init__(self, connection: "Connection", ours: int, theirs: int) -> None:
        self.connection, self.ours, self.theirs = connection, ours, theirs
        self.incoming: queue.Queue[bytes | None] = queue.Queue()
        self.unread = b""
        self.may_write = threading.Semaphore(0)
        self.ended = False
        self.writing = threading.Lock()

    def read(self, count: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            Gone: there are no more.
        """
        while len(self.unread) < count:
            arrived = None if self.ended and self.incoming.empty() else self.incoming.get()
            if arrived is None:
                raise Gone
            self.unread += arrived
        wanted, self.unread = self.unread[:count], self.unread[count:]
        return wanted

    def write(self, data: bytes) -> None:
        """Send; each message waits until the client has taken it.

        Raises:
            Gone: the client closed the stream, or the connection ended.
        """
        with self.writing:
            for start in range(0, len(data), MAX_PAYLOAD_BYTES):
                if self.ended:
                    raise Gone
                part = data[start : start + MAX_PAYLOAD_BYTES]
                self.connection.send(b"WRTE", self.ours, self.theirs, part)
                self.may_write.acquire()
        if self.ended:
            raise Gone

    def end(self) -> None:
        """Wake whoever reads or writes: nothing comes any more."""
        self.ended = True
        self.incoming.put(None)
        self.may_write.release()

    def close(self) -> None:
        """Tell the client that the service is done."""
        with contextlib.suppress(Gone):
            self.connection.send(b"CLSE", self.ours, self.theirs)


class Connection:
    """One client's connection.

    Args:
        stream_socket: connected.
        banner: what the device says of itself.
        authorized: whether the client's key is accepted.
        serve: does a service, given its name and its stream, until it is done.
    """

    def __init__(
        self,
        stream_socket: socket.socket,
        banner: bytes,
        authorized: bool,
        serve: Callable[[str, Stream], None],
    ) -> None:
        self.socket, self.banner, self.authorized = stream_socket, banner, authorized
        self.serve = serve
        self.streams: dict[int, Stream] = {}
        self.sending = threading.Lock()
        self.count = 0

    def run(self) -> None:
        """Answer messages until the connection ends."""
        try:
            while True:
                self.answer(self.receive())
        except Gone:
            pass
        finally:
            for stream in list(self.streams.values()):
                stream.end()
            self.socket.close()

    def answer(self, message: Message) -> None:
        if message.command == b"CNXN" or message.command == b"AUTH":
            if self.authorized:
                self.send(b"CNXN", PROTOCOL_VERSION, MAX_PAYLOAD_BYTES, self.banner)
            elif message.command == b"CNXN" or message.first == AUTH_SIGNATURE:
                self.send(b"AUTH", AUTH_TOKEN, 0, bytes(20))
        elif message.command == b"OPEN":
            self.open(message)
        elif message.second in self.streams:
            stream = self.streams[message.second]
            if message.command == b"WRTE":
                stream.incoming.put(message.payload)
                self.send(b"OKAY", stream.ours, stream.theirs)
            elif message.command == b"OKAY":
                stream.may_write.release()
            elif message.command == b"CLSE":
                del self.streams[stream.ours]
                stream.end()

    def open(self, message: Message) -> None:
        self.count += 1
        stream = Stream(self, self.count, message.first)
        self.streams[stream.ours] = stream
        self.send(b"OKAY", stream.ours, stream.theirs)

        def work() -> None:
            with contextlib.suppress(Gone):
                self.serve(message.payload.rstrip(b"\0").decode(), stream)
            stream.close()

        threading.Thread(target=work, daemon=True).start()

    def receive(self) -> Message:
        command, first, second, size, _, _ = HEADER.unpack(self.exactly(HEADER.size))
        return Message(command, first, second, self.exactly(size))

    def exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except OSError:
                part = b""
            if not part:
                raise Gone
            data += part
        return bytes(data)

    def send(self, command: bytes, first: int, second: int, payload: bytes = b"") -> None:
        magic = int.from_bytes(command, "little") ^ 0xFFFFFFFF
        header = HEADER.pack(command, first, second, len(payload), sum(payload), magic)
        with self.sending:
            try:
                self.socket.sendall(header + payload)
            except OSError as error:
                raise Gone from error

    def drop(self) -> None:
        """Break the connection, as a pulled cable does."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
