"""What an observer sees between each observed member's Tor and its guard. Arguments: the file to
write, how many members.

Member i's Tor sends from 10.99.1.(i+1), and nothing else does. Every TCP segment with a payload
becomes one record of 20 bytes: when the kernel saw it, whose it is, the member's port, up or down,
bytes of payload. Says "ready", then at the end how many frames were lost.
"""
import ctypes
import selectors
import signal
import socket
import struct
import sys

SOL_PACKET, PACKET_STATISTICS, PACKET_OUTGOING = 263, 6, 4
SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_ATTACH_FILTER = 33, 35, 26
BUFFER_BYTES = 64 * 1024 * 1024
SNAP_BYTES = 96
RECORD = struct.Struct('<dHHb3xI')
PREFIX = 0x0A630100


def attach_filter(wire):
    """Only frames from or to 10.99.1.0/24 are copied to us: IPv4 source at 26, destination at 30
    (Linux socket filter, filter.txt).
    """
    program = [
        (0x28, 0, 0, 12), (0x15, 0, 7, 0x0800),
        (0x20, 0, 0, 26), (0x54, 0, 0, 0xFFFFFF00), (0x15, 3, 0, PREFIX),
        (0x20, 0, 0, 30), (0x54, 0, 0, 0xFFFFFF00), (0x15, 0, 1, PREFIX),
        (0x06, 0, 0, SNAP_BYTES), (0x06, 0, 0, 0),
    ]
    code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *line) for line in program))
    wire.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HL', len(program), ctypes.addressof(code)))


def record(frame, ancillary):
    at = 14 + (frame[14] & 0x0F) * 4
    if frame[23] != 6 or len(frame) < at + 20:
        return None
    payload = struct.unpack_from('>H', frame, 16)[0] - (at - 14) - (frame[at + 12] >> 4) * 4
    if payload <= 0:
        return None
    source, goal = struct.unpack_from('>II', frame, 26)
    up = source & 0xFFFFFF00 == PREFIX
    port = struct.unpack_from('>H', frame, at if up else at + 2)[0]
    seconds, nanoseconds = struct.unpack('ll', ancillary[0][2][:16])
    return RECORD.pack(seconds + nanoseconds / 1e9, ((source if up else goal) & 0xFF) - 1, port, 1 if up else -1, payload)


wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
try:
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
except PermissionError:
    pass  # smaller; what does not fit is counted
wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
attach_filter(wire)
wire.bind(('lo', 0))
wire.setblocking(False)
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
print('ready', flush=True)
waiting = selectors.DefaultSelector()
waiting.register(wire, selectors.EVENT_READ)
with open(sys.argv[1], 'wb', buffering=1 << 20) as out:
    while not ended:
        if not waiting.select(timeout=1):
            continue
        while True:
            try:
                frame, ancillary, _, origin = wire.recvmsg(SNAP_BYTES, 128)
            except BlockingIOError:
                break
            # Loopback shows every frame twice: as it goes and as it comes.
            if origin[2] == PACKET_OUTGOING:
                continue
            found = record(frame, ancillary)
            if found is not None:
                out.write(found)
print(struct.unpack('II', wire.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1], flush=True)
