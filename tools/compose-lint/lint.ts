// The compose linter: applies every rule to every part of a stack. It needs no engine; the result is
// data.

import { ComposeFileError } from './compose-files.ts';
import { STACKS } from './requirements.ts';
import type { StackPlan } from './requirements.ts';
import type { Finding, Rule } from './rule.ts';
import { LIMIT_RULES } from './rules-of-limits.ts';
import { PRIVILEGE_RULES } from './rules-of-privileges.ts';
import { PROGRAM_RULES } from './rules-of-programs.ts';
import { NETWORK_RULES, STACK_RULES, VOLUME_RULES, ISOLATION_RULES } from './rules-of-isolation.ts';
import { makeStack, readFiles } from './stack.ts';
import type { Part, Service, Stack } from './stack.ts';

const SERVICE_RULES: readonly Rule<Service>[] = [
  ...PRIVILEGE_RULES,
  ...LIMIT_RULES,
  ...PROGRAM_RULES,
  ...ISOLATION_RULES,
];

export interface RuleFacts {
  readonly code: string;
  readonly cis: string;
  readonly requirement: string;
}

/** Every rule, in the order of their findings. */
export const RULES: readonly RuleFacts[] = [...STACK_RULES, ...SERVICE_RULES, ...NETWORK_RULES, ...VOLUME_RULES].map(
  ({ code, cis, requirement }) => ({ code, cis: cis ?? '', requirement }),
);

export function lintStack(stack: Stack): readonly Finding[] {
  const ask = <Subject>(rules: readonly Rule<Subject>[], subject: Subject, name: string): Finding[] =>
    rules.flatMap((rule) =>
      rule
        .against(subject)
        .map((evidence) => ({ stack: stack.plan.name, subject: name, code: rule.code, evidence, next: rule.next })),
    );
  return [
    ...ask(STACK_RULES, stack, 'stack'),
    ...stack.services.flatMap((service) => ask(SERVICE_RULES, service, `service ${service.name}`)),
    ...stack.networks.flatMap((network) => ask<Part>(NETWORK_RULES, network, `network ${network.name}`)),
    ...stack.volumes.flatMap((volume) => ask<Part>(VOLUME_RULES, volume, `volume ${volume.name}`)),
  ];
}

/** Lints every stack that the repository has. @throws ComposeFileError for a file that cannot be read at all. */
export function lintRepository(
  settings: ReadonlyMap<string, string>,
  readText: (path: string) => string | undefined,
  plans: readonly StackPlan[] = STACKS,
): readonly Finding[] {
  return plans.flatMap((plan) => lintStack(makeStack(plan, readFiles(plan, readText), settings, readText)));
}

/** Personal settings: Compose merges the first of these files into docker-compose.yml by itself. */
const OVERRIDE_FILES: readonly string[] = [
  ...['compose.override.yml', 'compose.override.yaml'],
  ...['docker-compose.override.yml', 'docker-compose.override.yaml'],
];

export interface OverrideReport {
  readonly file: string;
  readonly findings: readonly Finding[];
}

/** Lints the shipped stack with the user's own file over it; undefined where there is none. */
export function lintOverride(
  settings: ReadonlyMap<string, string>,
  readText: (path: string) => string | undefined,
): OverrideReport | undefined {
  const file = OVERRIDE_FILES.find((name) => readText(name) !== undefined);
  const [shipped] = STACKS;
  if (file === undefined || shipped === undefined) return undefined;
  const plan = { ...shipped, name: `with ${file}`, files: [...shipped.files, file] };
  try {
    return { file, findings: lintRepository(settings, readText, [plan]) };
  } catch (error) {
    if (!(error instanceof ComposeFileError)) throw error;
    const next = 'correct the file; docker compose config shows how Compose reads it';
    return {
      file,
      findings: [{ stack: plan.name, subject: 'stack', code: error.code, evidence: error.message, next }],
    };
  }
}
