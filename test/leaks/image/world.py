"""The whole outside, as far as the lab has one: answers TCP, UDP, DNS, SOCKS and pings for every
address it is told to be.

Arguments: one JSON object {addresses, ports, udp_ports}. It makes the link to the victim itself
(the victim's process is process 1 of the process namespace it shares), and prints one line for
everything that it answered.
"""
import json
import socket
import struct
import subprocess
import sys
import threading

plan = json.loads(sys.argv[1])
IP_PKTINFO = 8
LISTEN_BACKLOG = 512
NAMES_LEAD_TO = '198.51.100.9'


def say(what):
    sys.stdout.write(what + '\n')
    sys.stdout.flush()


def ip(*args):
    subprocess.run(['ip', *args], check=True)


def link():
    """A pair of wires from here into the victim's namespace: nothing of the machine is on it."""
    ip('link', 'add', 'world0', 'type', 'veth', 'peer', 'name', 'out0', 'netns', '1')
    ip('addr', 'add', '198.18.0.1/30', 'dev', 'world0')
    ip('-6', 'addr', 'add', 'fd00:50::1/64', 'dev', 'world0', 'nodad')
    ip('link', 'set', 'world0', 'up')
    for address in plan['addresses']:
        ip('-6' if ':' in address else '-4', 'route', 'add', 'local', address, 'dev', 'world0')


def tcp(family, port):
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind(('', port))
    one.listen(LISTEN_BACKLOG)
    while True:
        peer, _ = one.accept()
        address = peer.getsockname()[0]
        say(f'tcp {address} {port}')
        threading.Thread(target=serve, args=(peer, address, port), daemon=True).start()


def serve(peer, address, port):
    with peer:
        peer.settimeout(5)
        try:
            if port == 53:
                peer.recv(2)
                got = peer.recv(512)
                say(f'dns-tcp {name_of(got)}')
                sent = answer(got)
                peer.send(struct.pack('>H', len(sent)) + sent)
            elif port == 9050:
                socks(peer)
        except OSError:
            pass  # who has gone has been noted already


def socks(peer):
    got = peer.recv(64)
    if got[:1] == b'\x04':
        say('socks4')
        peer.send(b'\0\x5a' + b'\0' * 6)
        return
    peer.send(b'\x05\0')
    got = peer.recv(300)
    say(f'socks5 {got[1]:#x}')
    peer.send(b'\x05\0\0\x01' + b'\0' * 6)


def name_of(message):
    labels, at = [], 12
    while at < len(message) and message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode('ascii', 'replace'))
        at += 1 + message[at]
    return '.'.join(labels)


def answer(message):
    at = 12
    while at < len(message) and message[at]:
        at += 1 + message[at]
    asked = message[12:at + 5]
    kind = struct.unpack('>H', asked[-4:-2])[0]
    if kind != 1:
        return message[:2] + b'\x81\x80\0\x01\0\0\0\0\0\0' + asked
    record = b'\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04' + socket.inet_aton(NAMES_LEAD_TO)
    return message[:2] + b'\x81\x80\0\x01\0\x01\0\0\0\0' + asked + record


def udp(port):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    one.bind(('', port))
    while True:
        message, extra, _, peer = one.recvmsg(2048, 256)
        _, _, asked = struct.unpack('I4s4s', next(data for level, kind, data in extra if kind == IP_PKTINFO))
        if port == 53 and not message.startswith(b'sotto'):
            say(f'dns-udp {name_of(message)}')
            sent = answer(message)
        else:
            say(f'udp {socket.inet_ntoa(asked)} {port}')
            sent = message
        # The answer comes from the address that was asked.
        one.sendmsg([sent], [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack('I4s4s', 0, asked, asked))], 0, peer)


def pings():
    """The kernel answers; this only notes."""
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    one.bind(('world0', 0))
    while True:
        frame, origin = one.recvfrom(2048)
        if origin[2] == socket.PACKET_OUTGOING:
            continue
        if frame[12:14] == b'\x08\x00' and frame[23] == 1 and frame[34] == 8:
            say(f'icmp {socket.inet_ntoa(frame[30:34])} from {socket.inet_ntoa(frame[26:30])}')
        elif frame[12:14] == b'\x08\x06' and frame[20:22] == b'\0\x01':
            say(f'arp {socket.inet_ntoa(frame[38:42])}')
        elif frame[12:14] == b'\x86\xdd' and frame[20] == 58 and frame[54] == 128:
            say('icmp6 ' + socket.inet_ntop(socket.AF_INET6, frame[38:54]))


link()
threads = [threading.Thread(target=tcp, args=(socket.AF_INET, port)) for port in plan['ports']]
threads.append(threading.Thread(target=tcp, args=(socket.AF_INET6, 443)))
threads += [threading.Thread(target=udp, args=(port,)) for port in plan['udp_ports']]
threads.append(threading.Thread(target=pings))
for thread in threads:
    thread.start()
say('ready')
