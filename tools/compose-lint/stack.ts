// A stack as the rules see it: its merged files, with variables replaced and without, beside its
// requirements.

import { overlay, parseCompose } from './compose-files.ts';
import { resolveVariables } from './compose-variables.ts';
import type { ServiceRequirement, StackPlan } from './requirements.ts';
import { isTree, listAt, treeAt } from './tree.ts';
import type { Tree } from './tree.ts';

export interface Service {
  readonly name: string;
  readonly tree: Tree;
  /** The same before its variables were replaced. */
  readonly source: Tree;
  /** Undefined for a service that is in no list. */
  readonly requirement: ServiceRequirement | undefined;
  readonly stack: Stack;
}

/** A network, or a volume. */
export interface Part {
  readonly name: string;
  readonly tree: Tree;
  readonly stack: Stack;
}

export interface Stack {
  readonly plan: StackPlan;
  readonly tree: Tree;
  readonly services: readonly Service[];
  readonly networks: readonly Part[];
  readonly volumes: readonly Part[];
  /** References to variables that .env does not have. */
  readonly unresolved: readonly string[];
  /** The text of a file of the repository, or undefined. */
  readonly readText: (path: string) => string | undefined;
}

/** The files of a plan as one tree, its variables not yet replaced. */
export function readFiles(plan: StackPlan, readText: (path: string) => string | undefined): Tree {
  return plan.files.reduce<Tree>((below, file) => overlay(below, parseCompose(readText(file) ?? '', file)), {});
}

export function makeStack(
  plan: StackPlan,
  source: Tree,
  settings: ReadonlyMap<string, string>,
  readText: (path: string) => string | undefined,
): Stack {
  const { tree, unresolved } = resolveVariables(source, settings);
  const services: Service[] = [];
  const networks: Part[] = [];
  const volumes: Part[] = [];
  const stack: Stack = { plan, tree, services, networks, volumes, unresolved, readText };
  for (const name of Object.keys(treeAt(tree, 'services'))) {
    const requirement = Object.hasOwn(plan.services, name) ? plan.services[name] : undefined;
    const [own, ownSource] = [treeAt(treeAt(tree, 'services'), name), treeAt(treeAt(source, 'services'), name)];
    services.push({ name, tree: own, source: ownSource, requirement, stack });
  }
  for (const [parts, section] of [
    [networks, 'networks'],
    [volumes, 'volumes'],
  ] as const) {
    for (const [name, part] of Object.entries(treeAt(tree, section)))
      parts.push({ name, tree: isTree(part) ? part : {}, stack });
  }
  return stack;
}

export interface Mount {
  readonly kind: 'volume' | 'bind' | 'other';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** Whether the volume stays as it is, instead of taking what the image has at that place. */
  readonly kept: boolean;
}

/** The mounts of a service; the short form is read too, so that nothing is hidden in it. */
export function mountsOf(service: Service): readonly Mount[] {
  return listAt(service.tree, 'volumes').map((entry) => {
    if (typeof entry === 'string') return shortMount(entry);
    if (!isTree(entry)) return { kind: 'other', source: '', target: '', readOnly: false, kept: false };
    const [type, source, target] = [entry['type'], entry['source'], entry['target']];
    return {
      kind: type === 'volume' || type === 'bind' ? type : 'other',
      source: typeof source === 'string' ? source : '',
      target: typeof target === 'string' ? target : '',
      readOnly: entry['read_only'] === true,
      kept: treeAt(entry, 'volume')['nocopy'] === true,
    };
  });
}

function shortMount(text: string): Mount {
  const [source = '', target = '', options = ''] = text.split(':');
  const kind = /^[./~]/.test(source) ? 'bind' : 'volume';
  return { kind, source, target, readOnly: options.split(',').includes('ro'), kept: false };
}

/** uid and gid of a service, where both are stated as numbers. */
export function identityOf(service: Service): { readonly uid: number; readonly gid: number } | undefined {
  const match = /^(\d+):(\d+)$/.exec(typeof service.tree['user'] === 'string' ? service.tree['user'] : '');
  return match === null ? undefined : { uid: Number(match[1]), gid: Number(match[2]) };
}

/** Every group of a service, its own first. */
export function groupsOf(service: Service): readonly number[] {
  const added = service.tree['group_add'];
  const identity = identityOf(service);
  return [...(identity === undefined ? [] : [identity.gid]), ...(Array.isArray(added) ? added.map(Number) : [])];
}
