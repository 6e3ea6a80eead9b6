// The adversary's findings, the demands on them, and their tables: on the screen, and in Markdown
// for docs/ANONYMITY.md.

export type Mode = 'off' | 'jitter' | 'stealth';
type Place = 'guard' | 'relay';

/**
 * One question, asked at one place, answered by one classifier. `ones` and `zeros`: test windows of
 * both classes.
 */
export interface Answer {
  readonly mode: Mode;
  readonly place: Place;
  readonly question: string;
  readonly classifier: string;
  readonly auc: number;
  readonly standardError: number;
  readonly ones: number;
  readonly zeros: number;
  readonly connections: number;
  /** 95 %, as if nothing else had been asked. */
  readonly lower95: number;
  readonly upper95: number;
  /** 95 %, corrected for the classifiers that answer this question. */
  readonly lowerCorrected: number;
  readonly upperCorrected: number;
  /** 99.9 %, corrected for all questions, places and classifiers of the mode. */
  readonly lowerStrict: number;
}

/** Kolmogorov and Smirnov's distance between the gaps of idle windows and of talking ones. */
interface SlotDistance {
  readonly mode: Mode;
  readonly place: Place;
  readonly way: 'up' | 'down';
  readonly distance: number;
  readonly idle: number;
  readonly talking: number;
}

interface Cost {
  readonly mode: Mode;
  readonly activity: 'idle' | 'talking';
  readonly members: number;
  readonly upMegabytesPerHour: number;
  readonly downMegabytesPerHour: number;
}

export interface Findings {
  readonly plan: { readonly seed: number; readonly windowMs: number; readonly burners: number; readonly rooms: number };
  readonly framesLost: number;
  /**
   * Windows that were left out, for a connection was lost in them, or which one was the observed
   * member's could not be told.
   */
  readonly torn: Readonly<Record<'idle' | 'talking', number>>;
  readonly windows: number;
  /** Windows whose texts had not all left when the wait for them was over. */
  readonly undrained: number;
  readonly texts: number;
  readonly answers: readonly Answer[];
  readonly slots: readonly SlotDistance[];
  readonly cost: readonly Cost[];
}

/** Named before anything was measured: what the long run has to show. */
export const PRIMARY = { mode: 'stealth', place: 'guard', question: 'talking or silent' } as const;
/** A coin that fell for each window when it was over: nobody can know it. */
export const COIN = 'control: a coin';

/** The AUC of a working detector where nothing is hidden. */
export const DETECTED_AUC = 0.95;
/**
 * The least AUC against the jitter scheme in the short run. Its few windows scatter by some
 * hundredths around the long run's 0.95 to 0.99.
 */
export const JITTER_AUC = 0.85;
export const CHANCE_AUC = 0.5;
/**
 * The long run: the primary question's upper bounds, its test windows a class, and the distance of
 * slot times.
 */
const HIDDEN_AUC = 0.55;
const LONG_WINDOWS_LEAST = 500;
const SLOT_DISTANCE_MOST = 0.03;

type Question = Pick<Answer, 'mode' | 'place' | 'question'>;

function answersTo(findings: Findings, asked: Question): readonly Answer[] {
  return findings.answers.filter(
    ({ mode, place, question }) => mode === asked.mode && place === asked.place && question === asked.question,
  );
}

/** The best classifier's AUC; 0 if there was no answer. */
export function bestAuc(findings: Findings, asked: Question): number {
  return Math.max(0, ...answersTo(findings, asked).map(({ auc }) => auc));
}

/** Answers of a mode that are better than chance beyond any doubt. */
export function certainOf(findings: Findings, mode: Mode): readonly Answer[] {
  return findings.answers.filter((answer) => answer.mode === mode && answer.lowerStrict > CHANCE_AUC);
}

/** The unmet demands on the long run; empty if all are met. */
export function shortcomings(findings: Findings): string[] {
  const primary = answersTo(findings, PRIMARY);
  const upper = Math.max(0, ...primary.map(({ upperCorrected }) => upperCorrected));
  const windows = Math.min(...primary.flatMap(({ ones, zeros }) => [ones, zeros]));
  const far = findings.slots.filter(({ mode, distance }) => mode === 'stealth' && distance > SLOT_DISTANCE_MOST);
  return [
    ...(primary.length === 0 ? ['the primary question was not answered'] : []),
    ...(primary.length > 0 && windows < LONG_WINDOWS_LEAST ? [`${windows} test windows of the smaller class`] : []),
    ...(upper > HIDDEN_AUC ? [`upper bound ${upper.toFixed(3)} of the primary question`] : []),
    ...far.map(({ place, way, distance }) => `slot times ${way} at the ${place}: KS D ${distance.toFixed(3)}`),
  ];
}

/** The sentence on what is demanded: each classifier's upper bound, and whether all is met. */
export function renderVerdict(findings: Findings): string {
  const bounds = answersTo(findings, PRIMARY).map(
    ({ classifier, upperCorrected }) => `${classifier} ${upperCorrected.toFixed(3)}`,
  );
  const missed = shortcomings(findings);
  const verdict = missed.length === 0 ? 'all met' : missed.join('; ');
  return `Demanded of "${PRIMARY.question}" in ${PRIMARY.mode} at the ${PRIMARY.place} (upper bounds: ${bounds.join(', ')}): ${verdict}.`;
}

/** All AUCs, a line for each question; for a screen and for a page. */
export function renderTable(findings: Findings): string {
  const classifiers = [...new Set(findings.answers.map(({ classifier }) => classifier))];
  const questions = Map.groupBy(findings.answers, ({ mode, place, question }) => `${mode} | ${place} | ${question}`);
  const rows = [...questions].map(([key, answers]) => {
    const cells = classifiers.map((name) => describe(answers.find(({ classifier }) => classifier === name)));
    const [{ ones, zeros, connections } = { ones: 0, zeros: 0, connections: 0 }] = answers;
    return `| ${key} | ${ones} / ${zeros} | ${connections} | ${cells.join(' | ')} |`;
  });
  const head = ['mode', 'seen at', 'question', 'windows', 'connections', ...classifiers];
  return [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`, ...rows].join('\n');
}

function describe(answer: Answer | undefined): string {
  if (answer === undefined) return '-';
  const { auc, lower95, upper95 } = answer;
  return `${auc.toFixed(3)} (${Math.max(0, lower95).toFixed(2)}-${upper95.toFixed(2)})`;
}

export function renderSlots(findings: Findings): string {
  const rows = findings.slots.map(
    ({ mode, place, way, distance, idle, talking }) =>
      `| ${mode} | ${place} | ${way} | ${distance.toFixed(4)} | ${idle} / ${talking} |`,
  );
  return ['| mode | seen at | way | KS D, idle and talking | gaps |', '|---|---|---|---|---|', ...rows].join('\n');
}

export function renderCost(findings: Findings): string {
  const rows = findings.cost.map(
    ({ mode, members, activity, upMegabytesPerHour, downMegabytesPerHour }) =>
      `| ${mode} | ${members} | ${activity} | ${upMegabytesPerHour.toFixed(1)} | ${downMegabytesPerHour.toFixed(1)} |`,
  );
  return ['| mode | members | room | MB/h up | MB/h down |', '|---|---|---|---|---|', ...rows].join('\n');
}

export function renderCircumstances(findings: Findings): string {
  const { plan, windows, torn, undrained, texts, framesLost } = findings;
  return [
    `seed ${plan.seed}, ${plan.rooms} rooms, ${windows} windows of ${plan.windowMs / 1_000} s, ${texts} texts, ${plan.burners} CPU burners`,
    `left out: ${torn.idle} idle and ${torn.talking} talking windows in which a connection was lost or could not be told from others`,
    `${undrained} windows whose texts left late; ${framesLost} packets that the capture lost`,
  ].join('; ');
}
