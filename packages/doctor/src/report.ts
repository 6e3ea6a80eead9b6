// The findings as a page for people, and as one JSON object for programs.

import { overall, presentable } from './checks.ts';
import type { Finding } from './checks.ts';
import { TOPICS } from './requirements.ts';
import type { Snapshot } from './snapshot.ts';
import { TEST_NETWORK_SERVICE } from './stack-plan.ts';
import type { State } from './verdict.ts';

/** Of the JSON object: raised when a field changes its meaning or goes. */
const FORM = 2;
const COLUMN = 13;
/** What is well is said in one line. */
const GREEN_CHARS_MAX = 150;

const WORDS: Readonly<Record<State, string>> = { green: 'green', red: 'RED', 'cannot-tell': 'cannot tell' };
const EXIT_CODES: Readonly<Record<State, number>> = { green: 0, red: 1, 'cannot-tell': 2 };

export interface Report {
  readonly type: 'doctor';
  readonly form: typeof FORM;
  readonly project: string;
  /** The private Tor network of demo and tests: it hides nobody. */
  readonly testNetwork: boolean;
  readonly engine: string;
  /** Compose files besides the repository's: what they change is judged as it runs. */
  readonly filesAdded: readonly string[];
  readonly containers: number;
  readonly state: State;
  readonly counts: Readonly<Record<State, number>>;
  readonly findings: readonly Finding[];
}

export function reportOf(snapshot: Snapshot, findings: readonly Finding[]): Report {
  const count = (state: State): number => findings.filter((finding) => finding.state === state).length;
  return {
    type: 'doctor',
    form: FORM,
    project: snapshot.project,
    testNetwork: snapshot.containers.some(({ service }) => service === TEST_NETWORK_SERVICE),
    engine: snapshot.engine.version,
    filesAdded: presentable(snapshot.filesAdded),
    containers: snapshot.containers.length,
    state: overall(findings),
    counts: { green: count('green'), red: count('red'), 'cannot-tell': count('cannot-tell') },
    findings,
  };
}

export function exitCode(report: Report): number {
  return EXIT_CODES[report.state];
}

export function page(report: Report): string {
  const head = `Sotto's doctor: project ${report.project}, ${report.containers} containers, Docker engine ${report.engine}`;
  const warning = report.testNetwork
    ? ['!! This stack is on the private test network: it hides nobody from anybody.']
    : [];
  const personal =
    report.filesAdded.length === 0
      ? []
      : [
          `Made with personal settings too (${report.filesAdded.join(', ')}): the requirements are judged as the containers run.`,
        ];
  const topics = TOPICS.flatMap((topic) => {
    const findings = report.findings.filter((finding) => finding.topic === topic);
    return findings.length === 0 ? [] : ['', topic, ...findings.flatMap(linesOf)];
  });
  const { green, red, 'cannot-tell': open } = report.counts;
  return `${[head, ...warning, ...personal, ...topics, '', `${green} green, ${red} red, ${open} cannot be told`].join('\n')}\n`;
}

function linesOf({ code, state, requirement, evidence, next }: Finding): string[] {
  const indent = ' '.repeat(COLUMN);
  const head = `${WORDS[state].padEnd(COLUMN)}${requirement}  [${code}]`;
  if (state === 'green') return [head, `${indent}${cut(evidence.join('; '))}`];
  return [
    head,
    ...evidence.map((line) => `${indent}${line}`),
    ...(next === undefined ? [] : [`${indent}next: ${next}`]),
  ];
}

function cut(line: string): string {
  return line.length > GREEN_CHARS_MAX ? `${line.slice(0, GREEN_CHARS_MAX - 3)}...` : line;
}
