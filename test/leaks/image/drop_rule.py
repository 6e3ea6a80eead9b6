"""Drops and counts the lab's addresses and names on the machine's way out, as long as stdin is open; then the rule is gone.

Arguments: the name of the table; the lab's own address in each range, the address that it spoofs (JSON). The whole ranges are dropped;
what others on this machine send there is counted as `foreign`. Each line on stdin is answered by a line with the counters as JSON; a line that is not empty names a
bridge of the lab's or the stack's: what only crosses that one does not leave the machine and is not counted (the kernel may show bridged
frames to these rules, too). Run it in the machine's own network
namespace with NET_ADMIN (or in one of the lab's own, to see that the rules count).
"""
import json
import signal
import subprocess
import sys

TABLE = sys.argv[1]
OWN = json.loads(sys.argv[2])
FORWARDED_METADATA = '0x50770'
# A DNS question whose first label is the lab's starts, after the header, with the label's length and its 15 letters.
LABEL = '0x0f' + b'sottoleakprobe1'.hex()
RULES = f'''
table inet {TABLE} {{
  set own {{ type ifname; }}
  counter documentation {{}}
  counter foreign {{}}
  counter spoofed {{}}
  counter metadata {{}}
  counter names {{}}
  chain forwarded {{
    type filter hook forward priority -150;
    ip daddr 169.254.169.254 meta mark set {FORWARDED_METADATA}
  }}
  chain out {{
    type filter hook postrouting priority 0;
    oifname @own accept
    ip daddr {OWN['spoofed']} counter name spoofed drop
    ip daddr {{ {', '.join(OWN['v4'])} }} counter name documentation drop
    ip6 daddr {OWN['v6']} counter name documentation drop
    ip daddr 198.51.100.0/24 counter name foreign drop
    ip6 daddr 2001:db8::/32 counter name foreign drop
    meta mark {FORWARDED_METADATA} counter name metadata drop
    udp dport 53 @th,160,128 {LABEL} counter name names drop
    tcp dport 53 @th,272,128 {LABEL} counter name names drop
    tcp dport 53 @th,368,128 {LABEL} counter name names drop
  }}
}}
'''


def counters():
    listed = subprocess.run(['nft', '-j', 'list', 'table', 'inet', TABLE], check=True, capture_output=True, text=True)
    found = [item['counter'] for item in json.loads(listed.stdout)['nftables'] if 'counter' in item]
    return {item['name']: item['packets'] for item in found}


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
made = subprocess.run(['nft', '-f', '-'], input=RULES, text=True, capture_output=True, check=False)
if made.returncode != 0:
    print(json.dumps({'error': made.stderr.strip().splitlines()[0] if made.stderr else 'nft failed'}), flush=True)
    sys.exit(1)
try:
    print(json.dumps(counters()), flush=True)
    for line in sys.stdin:
        if line.strip():
            subprocess.run(['nft', 'add', 'element', 'inet', TABLE, 'own', f'{{ "{line.strip()}" }}'], check=True)
        print(json.dumps(counters()), flush=True)
finally:
    subprocess.run(['nft', 'delete', 'table', 'inet', TABLE], check=False)
