"""The end of the lab's wire that has no isolation: everything that is not here goes to the world. Run once, in the victim's namespace, with NET_ADMIN."""
import subprocess


def ip(*args):
    subprocess.run(['ip', *args], check=True)


ip('addr', 'add', '198.18.0.2/30', 'dev', 'out0')
ip('-6', 'addr', 'add', 'fd00:50::2/64', 'dev', 'out0', 'nodad')
ip('link', 'set', 'out0', 'up')
ip('route', 'replace', 'default', 'via', '198.18.0.1')
ip('-6', 'route', 'replace', 'default', 'via', 'fd00:50::1')
print('ready')
