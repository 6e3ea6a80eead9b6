// Byte arrays of different meaning cannot be swapped unseen: a function takes two of them as named
// fields of an object, never side by side. TypeScript would accept them in either order.

import { resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { filesUnder } from '../../scripts/repository-files.ts';

/** `path name` of a function that may take byte arrays side by side -> why. */
const ALLOWED: ReadonlyMap<string, string> = new Map([
  ['packages/protocol/src/bytes.ts equalBytes', 'equality is symmetric'],
  ['packages/crypto/src/mls/context.ts equalInConstantTime', 'equality is symmetric'],
]);

const BYTES: ReadonlySet<string> = new Set(['Uint8Array', 'Buffer']);
const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile('tsconfig.json', ts.sys.readFile.bind(ts.sys)).config,
  ts.sys,
  process.cwd(),
);
const sources = filesUnder('packages').filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path));

/** Files that are not on the disk, path -> text. */
type Controls = ReadonlyMap<string, string>;

function programOf(paths: readonly string[], controls: Controls = new Map()): ts.Program {
  const host = ts.createCompilerHost({ ...options, noEmit: true }, true);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, version, ...rest) => {
    const control = controls.get(path);
    return control === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, control, version, true);
  };
  return ts.createProgram({ rootNames: [...paths], options: { ...options, noEmit: true }, host });
}

function isBytes(type: ts.Type, checker: ts.TypeChecker): boolean {
  const symbol = type.getSymbol();
  if (type.isUnion()) {
    const absent = ts.TypeFlags.Undefined | ts.TypeFlags.Null;
    const present = type.types.filter(({ flags }) => (flags & absent) === 0);
    return present.length > 0 && present.every((part) => isBytes(part, checker));
  }
  const { aliasSymbol, aliasTypeArguments } = type;
  if (aliasSymbol?.name === 'Readonly') return (aliasTypeArguments ?? []).some((inner) => isBytes(inner, checker));
  if (type.isTypeParameter()) {
    const constraint = type.getConstraint();
    return constraint !== undefined && isBytes(constraint, checker);
  }
  return BYTES.has(symbol?.name ?? '');
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return node.parent.name?.text ?? 'constructor';
  const name = ts.isFunctionTypeNode(node) ? undefined : ts.getNameOfDeclaration(node);
  if (name !== undefined) return name.getText();
  const { parent } = node;
  return ts.isVariableDeclaration(parent) || ts.isPropertySignature(parent) || ts.isPropertyAssignment(parent)
    ? parent.name.getText()
    : 'a function without a name';
}

/**
 * @returns `path name` of each function that takes two byte arrays or more side by side. A parameter
 * without a type of its own is left out: its type comes from a declaration, which counts if it is ours.
 */
function swappable(program: ts.Program, paths: readonly string[]): readonly string[] {
  const checker = program.getTypeChecker();
  const found: string[] = [];
  for (const path of paths) {
    const source = program.getSourceFile(resolve(path));
    if (source === undefined) throw new Error(`no such source: ${path}`);
    const visit = (node: ts.Node): void => {
      ts.forEachChild(node, visit);
      if (!ts.isFunctionLike(node)) return;
      const bytes = node.parameters.filter(
        (parameter) =>
          parameter.type !== undefined &&
          parameter.dotDotDotToken === undefined &&
          isBytes(checker.getTypeAtLocation(parameter), checker),
      );
      if (bytes.length > 1) found.push(`${path} ${nameOf(node)}`);
    };
    visit(source);
  }
  return found;
}

test('no function takes two byte arrays that its callers could swap', () => {
  expect(sources.length).toBeGreaterThan(200);
  const found = swappable(programOf(sources), sources);
  expect(found.filter((entry) => !ALLOWED.has(entry))).toEqual([]);
  // Every allowance is needed.
  expect([...ALLOWED.keys()].filter((entry) => !found.includes(entry))).toEqual([]);
});

const SWAPPABLE: readonly (readonly [where: string, text: string, name: string])[] = [
  ['a function', 'export function seal(key: Uint8Array, nonce: Uint8Array): void {}', 'seal'],
  ['a function with others between', 'export function f(a: Uint8Array, size: number, b: Uint8Array): void {}', 'f'],
  ['an alias', 'type Key = Uint8Array; export function seal(key: Key, nonce: Uint8Array): void {}', 'seal'],
  ['a Buffer', 'export function seal(key: Buffer, nonce: Uint8Array): void {}', 'seal'],
  ['Readonly', 'export function seal(key: Readonly<Uint8Array>, nonce: Readonly<Uint8Array>): void {}', 'seal'],
  ['an optional one', 'export function seal(key: Uint8Array, aad?: Uint8Array): void {}', 'seal'],
  ['a bound type', 'export function seal<B extends Uint8Array>(key: B, nonce: B): void {}', 'seal'],
  ['a method', 'export class Box { #seal(key: Uint8Array, nonce: Uint8Array): void {} }', '#seal'],
  ['a constructor', 'export class Box { constructor(key: Uint8Array, nonce: Uint8Array) {} }', 'Box'],
  ['an arrow function', 'export const seal = (key: Uint8Array, nonce: Uint8Array): void => undefined;', 'seal'],
  ['a type', 'export interface Box { readonly seal: (key: Uint8Array, nonce: Uint8Array) => void }', 'seal'],
];
const NAMED: readonly (readonly [what: string, text: string])[] = [
  ['named fields', 'export function seal(input: { key: Uint8Array; nonce: Uint8Array }): void {}'],
  ['one array and a list', 'export function hash(key: Uint8Array, ...parts: readonly Uint8Array[]): void {}'],
  ['one array and a text', 'export function seal(key: Uint8Array, label: string): void {}'],
];
const pathOf = (index: number): string => resolve(`packages/crypto/src/control-${index}.ts`);
const controls: Controls = new Map([...SWAPPABLE, ...NAMED].map(([, text], index) => [pathOf(index), text]));
const controlProgram = programOf([...controls.keys()], controls);

test.each(SWAPPABLE.map(([where, , name], index) => ({ where, name, path: pathOf(index) })))(
  'control: two byte arrays side by side are found in $where',
  ({ name, path }) => {
    expect(swappable(controlProgram, [path])).toEqual([`${path} ${name}`]);
  },
);

test.each(NAMED.map(([what], index) => ({ what, path: pathOf(SWAPPABLE.length + index) })))(
  'control: $what are left alone',
  ({ path }) => {
    expect(swappable(controlProgram, [path])).toEqual([]);
  },
);
