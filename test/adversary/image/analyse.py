"""The adversary: trains on connections that it may see the truth of, guesses about others, and says
how well. Argument: the folder of the data.

Prints one line of JSON: for each mode, place and question the ROC-AUC of each classifier with its
standard error, and KS distances.
"""
import json
import os
import sys
import warnings

# Two processes instead: threads that wait for each other actively are slow on a machine that others
# use, too.
os.environ['PYTHONWARNINGS'] = 'ignore'
os.environ['OMP_NUM_THREADS'] = os.environ['OPENBLAS_NUM_THREADS'] = '1'

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import ks_2samp, norm, rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from features import features, slot_gaps

RECORD = np.dtype([('t', '<f8'), ('line', '<u2'), ('connection', '<u2'), ('direction', 'i1'), ('', 'V3'), ('bytes', '<u4')])
RESAMPLES = 200
SHUFFLES = 20
# An AUC that is so many errors above chance is looked at again; the question that the long run is
# judged by always.
DOUBT = 1.5
PRIMARY = 'talking or silent'
COIN = 'control: a coin'
PROCESSES = 2
LEAST_PER_CLASS = 4
folder = sys.argv[1]

CLASSIFIERS = {
    'logistic': lambda n: make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300)),
    'boosted trees': lambda n: HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=min(20, max(2, n // 10)), l2_regularization=1.0, random_state=1),
    'neural net': lambda n: make_pipeline(
        QuantileTransformer(n_quantiles=min(200, n), output_distribution='normal', random_state=1),
        MLPClassifier(hidden_layer_sizes=(32, 8), alpha=1.0, max_iter=80, random_state=1)),
}

# name: which windows, and which of them count as 1
QUESTIONS = {
    PRIMARY: (lambda w: True, lambda w: w['activity'] == 'talking'),
    'talking or silent, alone in the room': (lambda w: w['members'] == 1, lambda w: w['activity'] == 'talking'),
    'talking or silent, room of five': (lambda w: w['members'] > 1, lambda w: w['activity'] == 'talking'),
    'observed member or another talks': (lambda w: w['members'] > 1 and w['activity'] == 'talking', lambda w: w['who'] == 'observed'),
    'short or long texts': (lambda w: w['activity'] == 'talking', lambda w: w['length'] == 'long'),
    # Nothing can tell this one: an adversary that can has seen in training what it is asked about.
    COIN: (lambda w: True, lambda w: w['coin']),
}


def load():
    """@returns the plan, how many frames were lost, the windows with their features at both places,
    and how many were left out.
    """
    with open(f'{folder}/labels.json', encoding='utf8') as file:
        labels = json.load(file)
    places = {place: np.fromfile(f'{folder}/{place}.bin', dtype=RECORD) for place in ('guard', 'relay')}
    windows, torn = [], {'idle': 0, 'talking': 0}
    coins = np.random.default_rng(labels['plan']['seed'])
    for room in labels['rooms']:
        lines = {}
        for place, records in places.items():
            mine = records[records['line'] == room['index']]
            lines[place] = mine[np.argsort(mine['t'], kind='stable')]
        for window in room['windows']:
            if window['torn']:
                torn[window['label']['activity']] += 1
                continue
            cut = {place: part(line, window) for place, line in lines.items()}
            cut['relay'] = cut['relay'][cut['relay']['connection'] == window['connection']]
            windows.append({
                **window['label'], 'mode': room['mode'], 'members': room['members'], 'fold': room['fold'], 'room': room['index'],
                'coin': bool(coins.integers(2)),
                'features': {place: features(records, window['startS'], window['endS']) for place, records in cut.items()},
                'gaps': {(place, way): slot_gaps(records, sign) for place, records in cut.items() for way, sign in (('up', 1), ('down', -1))},
                'bytes': {place: [int(records['bytes'][records['direction'] == sign].sum()) for sign in (1, -1)] for place, records in cut.items()},
                'seconds': window['endS'] - window['startS'], 'texts': window['texts'], 'drained': window['drained'],
            })
    return labels, windows, torn


def part(line, window):
    first, last = np.searchsorted(line['t'], (window['startS'], window['endS']))
    return line[first:last]


def guess(x, y, folds, make):
    """Scores of every window by a classifier that has seen no window of its connection; ranks
    within a fold, so that folds can be pooled.
    """
    scores = np.full(len(y), np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        if len(np.unique(y[~test])) < 2:
            continue
        model = make(int((~test).sum()))
        model.fit(x[~test], y[~test])
        raw = model.predict_proba(x[test])[:, 1]
        scores[test] = (rankdata(raw) - 0.5) / test.sum()
    return scores


def standard_error(y, scores, rooms):
    """Bootstrap over connections, for windows of one are alike; never below the error of mere
    chance (Mann and Whitney, 1947).
    """
    random = np.random.default_rng(1)
    names = np.unique(rooms)
    members = [np.flatnonzero(rooms == name) for name in names]
    aucs = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([members[i] for i in random.integers(0, len(names), len(names))])
        if len(np.unique(y[drawn])) == 2:
            aucs.append(roc_auc_score(y[drawn], scores[drawn]))
    chance = np.sqrt((len(y) + 1) / (12 * y.sum() * (len(y) - y.sum())))
    return float(max(np.std(aucs) if aucs else 0.5, chance))


def auc_of_chance(matter, classifier, seed):
    """What the same procedure finds when the truth is shuffled within each connection: folds that
    learn from each other's windows come further from 0.5 than independent guesses do.
    """
    x, y, folds, rooms = matter
    random = np.random.default_rng(seed)
    shuffled = y.copy()
    for room in np.unique(rooms):
        shuffled[rooms == room] = random.permutation(y[rooms == room])
    scores = guess(x, shuffled, folds, CLASSIFIERS[classifier])
    known = ~np.isnan(scores)
    return roc_auc_score(shuffled[known], scores[known])


def asked(windows, mode, place, question):
    """@returns what the question is about: features, truth, folds and rooms of its windows; None if
    there are too few.
    """
    among, is_one = QUESTIONS[question]
    chosen = [w for w in windows if w['mode'] == mode and among(w)]
    y = np.array([is_one(w) for w in chosen], dtype=int)
    if len(y) == 0 or min(y.sum(), len(y) - y.sum()) < LEAST_PER_CLASS:
        return None
    x = np.stack([w['features'][place] for w in chosen])
    return x, y, np.array([w['fold'] for w in chosen]), np.array([w['room'] for w in chosen])


def answer(matter, mode, place, question, classifier):
    """@returns how well a classifier does, with the error of the bootstrap; None if no fold could
    be learnt from.
    """
    x, y, folds, rooms = matter
    scores = guess(x, y, folds, CLASSIFIERS[classifier])
    known = ~np.isnan(scores)
    if len(np.unique(y[known])) < 2:
        return None
    return {
        'mode': mode, 'place': place, 'question': question, 'classifier': classifier,
        'auc': float(roc_auc_score(y[known], scores[known])),
        'standardError': standard_error(y[known], scores[known], rooms[known]),
        'ones': int(y[known].sum()), 'zeros': int(known.sum() - y[known].sum()), 'connections': len(np.unique(rooms[known])),
    }


def is_doubtful(row):
    """Where it matters whether an answer is chance, chance is asked."""
    if row['mode'] == 'stealth' and row['question'] == PRIMARY:
        return True
    return (row['mode'] == 'stealth' or row['question'] == COIN) and row['auc'] - DOUBT * row['standardError'] > 0.5


def answer_all(windows, modes):
    questions = [(mode, place, question) for mode in modes for place in ('guard', 'relay') for question in QUESTIONS]
    matters = {one: matter for one in questions if (matter := asked(windows, *one)) is not None}
    with Parallel(n_jobs=PROCESSES) as parallel:
        rows = parallel(delayed(answer)(matter, *one, name) for one, matter in matters.items() for name in CLASSIFIERS)
        rows = [row for row in rows if row is not None]
        doubtful = [row for row in rows if is_doubtful(row)]
        aucs = parallel(
            delayed(auc_of_chance)(matters[row['mode'], row['place'], row['question']], row['classifier'], seed)
            for row in doubtful for seed in range(SHUFFLES))
    for row, of_chance in zip(doubtful, np.array(aucs).reshape(len(doubtful), SHUFFLES)):
        row['standardError'] = max(row['standardError'], float(np.sqrt(np.mean((of_chance - 0.5) ** 2))))
    return rows


def bound(answers):
    """Intervals: 95 % as if this were the only question; 99.9 % below, corrected for all questions,
    places and classifiers of its mode (Bonferroni).
    """
    for row in answers:
        comparisons = sum(other['mode'] == row['mode'] for other in answers)
        classifiers = sum(all(other[key] == row[key] for key in ('mode', 'place', 'question')) for other in answers)
        for name, quantile in (('95', 0.975), ('Corrected', 1 - 0.025 / classifiers), ('Strict', 1 - 0.001 / comparisons)):
            reach = norm.ppf(quantile) * row['standardError']
            row[f'lower{name}'], row[f'upper{name}'] = row['auc'] - reach, min(1.0, row['auc'] + reach)
    return answers


def slots(windows, mode):
    found = []
    for place in ('guard', 'relay'):
        for way in ('up', 'down'):
            by = {activity: [w['gaps'][(place, way)] for w in windows if w['mode'] == mode and w['activity'] == activity]
                  for activity in ('idle', 'talking')}
            idle, busy = (np.concatenate(by[activity]) if by[activity] else np.array([]) for activity in ('idle', 'talking'))
            if len(idle) > 1 and len(busy) > 1:
                found.append({'mode': mode, 'place': place, 'way': way, 'distance': float(ks_2samp(idle, busy).statistic),
                              'idle': len(idle), 'talking': len(busy)})
    return found


def cost(windows, mode):
    found = []
    for activity in ('idle', 'talking'):
        for members in sorted({w['members'] for w in windows}):
            chosen = [w for w in windows if w['mode'] == mode and w['activity'] == activity and w['members'] == members]
            seconds = sum(w['seconds'] for w in chosen)
            if seconds > 0:
                up, down = (sum(w['bytes']['guard'][i] for w in chosen) * 3600 / seconds / 1e6 for i in (0, 1))
                found.append({'mode': mode, 'activity': activity, 'members': members, 'upMegabytesPerHour': up, 'downMegabytesPerHour': down})
    return found


warnings.filterwarnings('ignore')
labels, windows, torn = load()
modes = sorted({w['mode'] for w in windows})
print(json.dumps({
    'plan': labels['plan'], 'framesLost': labels['lost'], 'torn': torn, 'windows': len(windows),
    'undrained': sum(not w['drained'] for w in windows), 'texts': sum(w['texts'] for w in windows),
    'answers': bound(answer_all(windows, modes)),
    'slots': [row for mode in modes for row in slots(windows, mode)],
    'cost': [row for mode in modes for row in cost(windows, mode)],
}))
