"""Says once, on one line, which links and addresses this namespace has (as `ip -j addr`), and ends
with stdin.
"""
import subprocess
import sys

told = subprocess.run(['ip', '-j', 'addr'], check=True, capture_output=True, text=True).stdout
print(told.replace('\n', ' '), flush=True)
# Not before whoever asked has it: what a container says in its last moment can get lost.
sys.stdin.read()
