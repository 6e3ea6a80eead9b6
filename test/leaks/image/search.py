"""Looks for texts in all files of the folders under /search. Prints how often each folder has any
of them.

stdin is a JSON list of the texts, as hexadecimal.
"""
import json
import os
import sys

texts = [bytes.fromhex(text) for text in json.load(sys.stdin)]
counts = {}
for folder in os.listdir('/search'):
    counts[folder] = 0
    for path, _, names in os.walk(os.path.join('/search', folder)):
        for name in names:
            one = os.path.join(path, name)
            if os.path.isfile(one) and not os.path.islink(one):
                with open(one, 'rb') as file:
                    content = file.read()
                counts[folder] += sum(content.count(text) for text in texts)
print(json.dumps(counts))
