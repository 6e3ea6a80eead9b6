"""Counts who speaks to whom on the wires it is told of. Argument: JSON list of interfaces, or []
for all of this namespace.

Each line on stdin is answered by one line of JSON: the flows since the last one, and how many
frames the kernel had to drop.
"""
import errno
import json
import selectors
import socket
import struct
import sys

SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_STATISTICS, PACKET_MR_PROMISC = 263, 1, 6, 1
BUFFER_BYTES = 32 * 1024 * 1024
SO_RCVBUFFORCE = 33
MAX_FLOWS = 20_000
SNAP_BYTES = 256
names = json.loads(sys.argv[1])
flows = {}
overflowed = 0
dropped = 0


def open_wire(name):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    try:
        wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    except PermissionError:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    if name is not None:
        wire.bind((name, 0))
        member = struct.pack('iHH8s', socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b'')
        wire.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    wire.setblocking(False)
    return wire


def classify(frame):
    """@returns kind, source, destination, protocol, the lower port, and the DNS name asked for, if
    it is one.
    """
    target, ethernet = frame[:6], frame[12:14]
    if ethernet == b'\x08\x06' and len(frame) >= 42:
        return 'arp', socket.inet_ntoa(frame[28:32]), socket.inet_ntoa(frame[38:42]), 'arp', 0, ''
    if ethernet == b'\x08\x00' and len(frame) >= 34:
        source, to = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
        kind = 'multicast' if frame[30] >= 224 else 'unicast'
        protocol, at = frame[23], 14 + (frame[14] & 0x0F) * 4
    elif ethernet == b'\x86\xdd' and len(frame) >= 54:
        source, to = socket.inet_ntop(socket.AF_INET6, frame[22:38]), socket.inet_ntop(socket.AF_INET6, frame[38:54])
        kind = 'multicast' if frame[38] == 0xFF else 'unicast'
        protocol, at = frame[20], 54
        if protocol == 0:
            protocol = 58  # hop-by-hop before MLD
    else:
        return 'other', frame[6:12].hex(), target.hex(), ethernet.hex(), 0, ''
    port, name = 0, ''
    if protocol in (6, 17) and len(frame) >= at + 4:
        port = min(struct.unpack('>HH', frame[at:at + 4]))
        if protocol == 17 and to.startswith('127.'):
            name = asked(frame[at + 8:])
    return kind, source, to, {1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6'}.get(protocol, str(protocol)), port, name


def asked(message):
    labels, at = [], 12
    while at < len(message) and message[at] and message[at] < 64:
        labels.append(message[at + 1:at + 1 + message[at]].decode('ascii', 'replace'))
        at += 1 + message[at]
    return '.'.join(labels)


def take(wire):
    global overflowed
    while True:
        try:
            frame, origin = wire.recvfrom(SNAP_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in (errno.ENETDOWN, errno.ENXIO, errno.ENODEV):
                return  # the wire is gone, and with it what could be on it; what was counted stays
            raise
        # In a namespace of its own only what is meant for it, or comes from it, counts; a bridge
        # may flood others' frames.
        if not names and origin[2] == socket.PACKET_OTHERHOST:
            continue
        marked = b'sotto-leak-probe' in frame
        key = (origin[0], marked, *classify(frame))
        if key in flows or len(flows) < MAX_FLOWS:
            flows[key] = flows.get(key, 0) + 1
        else:
            overflowed += 1


def snapshot():
    global dropped
    for wire in wires:
        take(wire)
        dropped += struct.unpack('II', wire.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
    fields = ('wire', 'marked', 'kind', 'from', 'to', 'protocol', 'port', 'name', 'packets')
    listed = [dict(zip(fields, (*key, count), strict=True)) for key, count in flows.items()]
    flows.clear()
    print(json.dumps({'flows': listed, 'lost': dropped + overflowed}), flush=True)


wires = [open_wire(name) for name in names] or [open_wire(None)]
waiting = selectors.DefaultSelector()
for one in wires:
    waiting.register(one, selectors.EVENT_READ, take)
waiting.register(sys.stdin, selectors.EVENT_READ, None)
print(json.dumps('ready'), flush=True)
while True:
    for event, _ in waiting.select():
        if event.data is not None:
            event.data(event.fileobj)
        elif sys.stdin.readline() == '':
            sys.exit(0)
        else:
            snapshot()
