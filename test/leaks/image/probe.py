"""Tries to get out of the network namespace it runs in. Reads a JSON plan on stdin, prints one JSON
list of attempts.

Every attempt is {probe, what, outcome}: `reached` (somebody answered), `refused` (somebody answered
no), `silent`, `no-way` (the kernel has no route or no neighbour), `not-allowed` (the kernel refuses
the means). It judges nothing.
"""
import errno
import json
import os
import selectors
import socket
import struct
import sys
import threading
import time

WAIT_S = 3.0
MARK = b'sotto-leak-probe'
ETH_P_ALL = 0x0003
ARP_REPLY = 2

attempts = []
lock = threading.Lock()


def note(probe, what, outcome):
    with lock:
        attempts.append({'probe': probe, 'what': what, 'outcome': outcome})


def outcome_of(number):
    if number in (errno.EPERM, errno.EACCES):
        return 'not-allowed'
    if number == errno.ECONNREFUSED:
        return 'refused'
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN, errno.EINVAL, errno.ENODEV):
        return 'no-way'
    if number == errno.ETIMEDOUT:
        return 'silent'
    return 'error ' + errno.errorcode.get(number, str(number))


def tcp_all(targets):
    """targets: [probe, address, port], all tried at the same time."""
    waiting = selectors.DefaultSelector()
    open_until = time.monotonic() + WAIT_S
    for probe, address, port in targets:
        what = f'tcp {address} {port}'
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            note(probe, what, outcome_of(error.errno))
            continue
        one.setblocking(False)
        code = one.connect_ex((address, port))
        if code == errno.EINPROGRESS:
            waiting.register(one, selectors.EVENT_WRITE, (probe, what))
        else:
            note(probe, what, 'reached' if code == 0 else outcome_of(code))
            one.close()
    while waiting.get_map() and time.monotonic() < open_until:
        for key, _ in waiting.select(max(0.0, open_until - time.monotonic())):
            code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            note(*key.data, 'reached' if code == 0 else outcome_of(code))
            if code == 0:
                try:
                    key.fileobj.send(MARK)
                except OSError:
                    pass  # it was reached; what follows does not matter
            waiting.unregister(key.fileobj)
            key.fileobj.close()
    for key in list(waiting.get_map().values()):
        note(*key.data, 'silent')
        key.fileobj.close()


def udp(probe, address, port):
    what = f'udp {address} {port}'
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.settimeout(WAIT_S)
            one.connect((address, port))
            one.send(MARK)
            one.recv(512)
            note(probe, what, 'reached')
    except TimeoutError:
        note(probe, what, 'silent')
    except OSError as error:
        note(probe, what, outcome_of(error.errno))


def question(name):
    labels = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.'))
    return struct.pack('>HHHHHH', 0x5077, 0x0100, 1, 0, 0, 0) + labels + b'\0' + struct.pack('>HH', 1, 1)


def answers(message):
    return len(message) >= 12 and message[3] & 0x0F == 0 and struct.unpack('>H', message[6:8])[0] > 0


def dns_direct(probe, server, name, over_tcp):
    what = f'dns-{"tcp" if over_tcp else "udp"} {server} {name}'
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM) as one:
            one.settimeout(WAIT_S)
            one.connect((server, 53))
            asked = question(name)
            one.send(struct.pack('>H', len(asked)) + asked if over_tcp else asked)
            got = one.recv(512)
            if over_tcp:
                got = got[2:]
            note(probe, what, 'reached' if answers(got) else 'refused-name')
    except TimeoutError:
        note(probe, what, 'silent')
    except OSError as error:
        note(probe, what, outcome_of(error.errno))


def dns_system(probe, name):
    """The C library's own way; it may take longer than we wait, and then nobody has answered."""
    result = []

    def ask():
        try:
            socket.getaddrinfo(name, 80)
            result.append('reached')
        except socket.gaierror:
            result.append('refused-name')

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WAIT_S)
    note(probe, f'getaddrinfo {name}', result[0] if result else 'silent')


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_request(identifier):
    head = struct.pack('>BBHHH', 8, 0, 0, identifier, 1)
    return struct.pack('>BBHHH', 8, 0, checksum(head + MARK), identifier, 1) + MARK


def ping(probe, address, kind):
    """kind: RAW as root, or DGRAM, which a plain user may have."""
    what = f'icmp-{kind.lower()} {address}'
    identifier = (os.getpid() ^ hash(address)) & 0xFFFF
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW if kind == 'RAW' else socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as one:
            one.connect((address, 0))
            one.send(echo_request(identifier))
            until = time.monotonic() + WAIT_S
            while (left := until - time.monotonic()) > 0:
                one.settimeout(left)
                got = one.recv(512)
                reply = got[20:] if kind == 'RAW' else got
                if reply[:1] == b'\0' and MARK in reply:
                    return note(probe, what, 'reached')
            note(probe, what, 'silent')
    except TimeoutError:
        note(probe, what, 'silent')
    except OSError as error:
        note(probe, what, outcome_of(error.errno))


def socks(probe, server, port, sent, what):
    """One SOCKS 5 request (4, if it starts with 4); anything but success is a refusal."""
    try:
        with socket.create_connection((server, port), WAIT_S) as one:
            one.settimeout(WAIT_S)
            if sent[0] == 4:
                one.send(sent)
                got = one.recv(8)
                return note(probe, what, 'reached' if got[:2] == b'\0\x5a' else 'refused')
            one.send(b'\x05\x01\0')
            if one.recv(2) != b'\x05\0':
                return note(probe, what, 'refused')
            one.send(sent)
            got = one.recv(10)
            note(probe, what, 'reached' if got[:2] == b'\x05\0' else 'refused')
    except TimeoutError:
        note(probe, what, 'silent')
    except socket.gaierror:
        note(probe, what, 'no-way')
    except OSError as error:
        note(probe, what, outcome_of(error.errno))


def clearnet(probe, server, port, target, name):
    found = resolved(server)
    if found is None:
        return note(probe, f'socks {server}', 'no-way')
    address = socket.inet_aton(target)
    named = bytes([len(name)]) + name.encode()
    http = struct.pack('>H', 80)
    requests = [
        (b'\x05\x01\0\x01' + address + http, f'socks {server} connect {target}'),
        (b'\x05\x01\0\x03' + named + http, f'socks {server} connect {name}'),
        (b'\x05\xf0\0\x03' + named + http, f'socks {server} resolve {name}'),
        (b'\x04\x01' + http + address + b'\0', f'socks {server} socks4 {target}'),
    ]
    asking = [threading.Thread(target=socks, args=(probe, found, port, *request)) for request in requests]
    for one in asking:
        one.start()
    for one in asking:
        one.join()


def resolved(name):
    """The address of a service of the stack, or None if nobody knows it in time."""
    found = []

    def ask():
        try:
            found.append(socket.gethostbyname(name))
        except OSError:
            pass  # nobody knows it here

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WAIT_S)
    return found[0] if found else None


def interfaces():
    with open('/proc/net/dev', encoding='ascii') as file:
        names = [line.split(':')[0].strip() for line in file if ':' in line]
    return [name for name in names if name != 'lo']


def mac_of(name):
    with open(f'/sys/class/net/{name}/address', encoding='ascii') as file:
        return bytes(int(part, 16) for part in file.read().strip().split(':'))


def addresses_v6():
    try:
        with open('/proc/net/if_inet6', encoding='ascii') as file:
            return [line.split() for line in file]
    except FileNotFoundError:
        return []


def ipv6_present(probe):
    ours = [line for line in addresses_v6() if line[5] != 'lo']
    for line in ours:
        note(probe, f'address {line[5]} scope {line[3]}', 'reached')
    if not ours:
        note(probe, 'address of its own', 'no-way')


def pseudo_icmp6(source, target, body):
    head = source + target + struct.pack('>I3xB', len(body), 58)
    return body[:2] + struct.pack('>H', checksum(head + body)) + body[4:]


def ipv4_packet(source, target, protocol, body):
    head = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + body


def raw_frames(plan):
    """L9 and L11 by hand: frames that no routing table has seen. Answers are looked for on the same
    wire.
    """
    names = interfaces()
    if not names:
        note('L11', 'frame', 'no-way')
        note('L9', 'frame', 'no-way')
    for name in names:
        try:
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        except OSError as error:
            note('L11', 'frame', outcome_of(error.errno))
            note('L9', 'frame', outcome_of(error.errno))
            return
        with wire:
            wire.bind((name, 0))
            raw_on(wire, name, plan)


def raw_on(wire, name, plan):
    ours = mac_of(name)
    everyone = b'\xff' * 6
    doc_source = plan['spoofed']
    seen = {}
    # The gateway's hardware address: asked for, and where the machine told us what it is, used
    # unasked.
    for gateway in plan['gateways']:
        ask = struct.pack('>HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, ours, socket.inet_aton(doc_source), b'\0' * 6, socket.inet_aton(gateway))
        wire.send(everyone + ours + b'\x08\x06' + ask)
        seen[('arp', gateway)] = ('L11', f'arp {gateway}')
    echo = echo_request(0x5077)
    for address in plan['raw_targets']:
        body = ipv4_packet(doc_source, address, 1, echo)
        for mac in [everyone] + [bytes.fromhex(one) for one in plan['bridge_macs']]:
            wire.send(mac + ours + b'\x08\x00' + body)
        seen[('echo', address)] = ('L11', f'spoofed-echo {address}')
    # IPv6 from a link-local address that this namespace does not have, to all nodes: a bridge of
    # the machine may answer.
    source = b'\xfe\x80' + b'\0' * 6 + ours[:3] + b'\xff\xfe' + ours[3:]
    all_nodes = socket.inet_pton(socket.AF_INET6, 'ff02::1')
    body = pseudo_icmp6(source, all_nodes, struct.pack('>BBHHH', 128, 0, 0, 0x5077, 1) + MARK)
    packet = struct.pack('>IHBB', 0x60000000, len(body), 58, 255) + source + all_nodes + body
    wire.send(b'\x33\x33\0\0\0\x01' + ours + b'\x86\xdd' + packet)
    seen[('echo6', 'ff02::1')] = ('L9', 'raw-echo ff02::1')
    answered = set()
    until = time.monotonic() + WAIT_S
    while (left := until - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame, origin = wire.recvfrom(2048)
        except TimeoutError:
            break
        if origin[2] == socket.PACKET_OUTGOING or frame[6:12] == ours:
            continue
        kind = frame[12:14]
        if kind == b'\x08\x06' and frame[20:22] == struct.pack('>H', ARP_REPLY):
            answered.add(('arp', socket.inet_ntoa(frame[28:32])))
        elif kind == b'\x08\x00' and MARK in frame and frame[23] == 1 and frame[34] == 0:
            answered.add(('echo', socket.inet_ntoa(frame[26:30])))
        elif kind == b'\x86\xdd' and frame[20] == 58 and frame[54] in (129, 135) and frame[6:12] != ours:
            # An echo reply, or the question who has our made-up address, which comes before the
            # reply.
            if frame[54] == 129 or frame[62:78] == source:
                answered.add(('echo6', 'ff02::1'))
                if frame[54] == 135:
                    advertise(wire, ours, source, frame)
    for key, (probe, what) in seen.items():
        note(probe, what, 'reached' if key in answered else 'silent')


def advertise(wire, ours, source, frame):
    asker = frame[22:38]
    body = pseudo_icmp6(source, asker, struct.pack('>BBHI', 136, 0, 0, 0x60000000) + source + b'\x02\x01' + ours)
    packet = struct.pack('>IHBB', 0x60000000, len(body), 58, 255) + source + asker + body
    wire.send(frame[6:12] + ours + b'\x86\xdd' + packet)


def main():
    plan = json.load(sys.stdin)
    threads = [threading.Thread(target=tcp_all, args=(plan['tcp'],))]
    for probe, address, port in plan['udp']:
        threads.append(threading.Thread(target=udp, args=(probe, address, port)))
    for probe, server, name in plan['dns']:
        for over_tcp in (False, True):
            threads.append(threading.Thread(target=dns_direct, args=(probe, server, name, over_tcp)))
    for probe, name in plan['names']:
        threads.append(threading.Thread(target=dns_system, args=(probe, name)))
    for probe, address in plan['ping']:
        threads.append(threading.Thread(target=ping, args=(probe, address, 'DGRAM')))
        threads.append(threading.Thread(target=ping, args=(probe, address, 'RAW')))
    for probe, server, port, target, name in plan['socks']:
        threads.append(threading.Thread(target=clearnet, args=(probe, server, port, target, name)))
    threads.append(threading.Thread(target=raw_frames, args=(plan,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ipv6_present('L9')
    json.dump(attempts, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


main()
