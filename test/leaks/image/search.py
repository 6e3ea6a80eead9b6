"""Looks for texts in all files under /search, and in what comes on stdin as a tar after the first line. Prints how often each was found.

The first line of stdin is a JSON list of the texts, as hexadecimal.
"""
import json
import os
import sys

CHUNK_BYTES = 1 << 20
texts = [bytes.fromhex(text) for text in json.loads(sys.stdin.buffer.readline())]
longest = max(len(text) for text in texts)
counts = [0] * len(texts)
files = 0


def look(file):
    carried = b''
    while chunk := file.read(CHUNK_BYTES):
        whole = carried + chunk
        for index, text in enumerate(texts):
            counts[index] += whole.count(text)
        carried = whole[-(longest - 1):]
        for index, text in enumerate(texts):
            counts[index] -= carried.count(text)
    for index, text in enumerate(texts):
        counts[index] += carried.count(text)


for folder, _, names in os.walk('/search'):
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not os.path.islink(path):
            files += 1
            with open(path, 'rb') as one:
                look(one)
look(sys.stdin.buffer)
print(json.dumps({'counts': counts, 'files': files}))
