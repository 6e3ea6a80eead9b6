"""What the adversary computes from one window of one line: a sequence of (time, direction, bytes),
to a row of numbers.

In the manner of website fingerprinting: counts, sizes and inter-arrival quantiles (k-FP: Hayes and
Danezis, USENIX Security 2016), cumulative sums (CUMUL: Panchenko et al., NDSS 2016), bursts, and
what a clocked line could betray: how regular its slots are, and how fast an answer follows.
"""
import numpy as np

QUANTILES = (0, 10, 25, 50, 75, 90, 100)
CUMUL_POINTS = 40
BURST_GAP_S = 0.02
SIZE_EDGES = (1, 600, 1200, 1800, 2700, 3700, 5000, 7500, 1 << 30)


def summary(values):
    if len(values) == 0:
        return [-1.0] * (len(QUANTILES) + 3)
    return [len(values), np.mean(values), np.std(values), *np.percentile(values, QUANTILES)]


def bursts(times, sizes):
    """@returns begins, ends and bytes of what came without a pause."""
    if len(times) == 0:
        return np.array([]), np.array([]), np.array([])
    first = np.concatenate(([True], np.diff(times) > BURST_GAP_S))
    at = np.flatnonzero(first)
    ends = times[np.concatenate((at[1:] - 1, [len(times) - 1]))]
    return times[at], ends, np.add.reduceat(sizes, at)


def of_direction(times, sizes, window_s):
    begins, ends, burst_bytes = bursts(times, sizes)
    per_second = np.histogram(times, bins=int(window_s), range=(0, window_s), weights=sizes)[0]
    row = [sizes.sum()]
    row += summary(sizes) + summary(np.diff(times)) + summary(burst_bytes) + summary(np.diff(begins)) + summary(ends - begins)
    row += list(np.histogram(sizes, bins=SIZE_EDGES)[0])
    row += [np.std(per_second), *np.percentile(per_second, QUANTILES)]
    # How well the beginnings keep a beat of 1 s and of 2 s: 1 is a perfect clock, 0 none.
    for period in (1.0, 2.0):
        row.append(abs(np.mean(np.exp(2j * np.pi * begins / period))) if len(begins) else -1.0)
    for lag in (1, 2, 3, 4):
        ahead, behind = per_second[lag:] - per_second.mean(), per_second[:-lag] - per_second.mean()
        row.append(float((ahead * behind).mean() / (per_second.var() + 1e-9)))
    return row


def features(records, start_s, end_s):
    times = records['t'] - start_s
    window_s = end_s - start_s
    direction, sizes = records['direction'].astype(float), records['bytes'].astype(float)
    up, down = direction > 0, direction < 0
    row = of_direction(times[up], sizes[up], window_s) + of_direction(times[down], sizes[down], window_s)
    row += [len(times), up.sum() / max(1, len(times)), sizes[up].sum() / max(1.0, sizes.sum())]
    for signed in (direction * sizes, direction):
        total = np.concatenate(([0.0], np.cumsum(signed)))
        row += list(np.interp(np.linspace(0, len(total) - 1, CUMUL_POINTS), np.arange(len(total)), total))
    # By time rather than by packet.
    grid = np.linspace(0, window_s, CUMUL_POINTS + 1)[1:]
    for mask in (up, down):
        total = np.concatenate(([0.0], np.cumsum(sizes[mask])))
        row += list(total[np.searchsorted(times[mask], grid)])
    row += summary(np.flatnonzero(up)) + summary(np.flatnonzero(down))
    chunks = [direction[at:at + 20] for at in range(0, len(direction), 20)]
    row += summary(np.array([(chunk > 0).sum() for chunk in chunks], dtype=float))
    row += answers(times[up], times[down]) + answers(times[down], times[up])
    return np.array(row, dtype=float)


def answers(asked, answered):
    """How long after each packet one way the next comes the other way."""
    if len(answered) == 0:
        return summary([])
    at = np.searchsorted(answered, asked)
    known = at < len(answered)
    return summary(answered[at[known]] - asked[known])


def slot_gaps(records, direction):
    """Seconds between the beginnings of what left together."""
    mask = records['direction'] == direction
    begins, _, _ = bursts(records['t'][mask], records['bytes'][mask].astype(float))
    return np.diff(begins)
