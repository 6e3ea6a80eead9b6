// Finds code that makes a new value of a session's slice outside of the module that owns the slice:
// for test/meta/state-owners.test.ts.

import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const STATE = 'packages/client/src/session/state.ts';
const SOURCES = 'packages/client/src/';

/** A slice of the session, and the module that owns it. */
interface Slice {
  readonly name: string;
  readonly owner: string;
}

/** A place where a slice is written. */
export interface Write {
  readonly slice: string;
  readonly path: string;
  readonly text: string;
}

export interface Ownership {
  readonly slices: readonly Slice[];
  /** Every write, in the owners, too. */
  readonly writes: readonly Write[];
}

interface SliceType extends Slice {
  readonly type: ts.Type;
}

/** `added`: a path from the repository's root to the text of a file that stands there as well. */
export function ownershipOf(added: ReadonlyMap<string, string> = new Map()): Ownership {
  const program = createProgram(added);
  const checker = program.getTypeChecker();
  const slices = slicesOf(program, checker);
  const sources = program.getSourceFiles().filter(({ fileName }) => pathOf(fileName).startsWith(SOURCES));
  const writes = sources.flatMap((source) => writesIn(source, slices, checker));
  return { slices: slices.map(({ name, owner }) => ({ name, owner })), writes };
}

/** Writes of which the slice's owner is another file. */
export function foreignWrites({ slices, writes }: Ownership): readonly Write[] {
  const owners = new Map(slices.map(({ name, owner }) => [name, owner]));
  return writes.filter(({ slice, path }) => owners.get(slice) !== path);
}

function pathOf(fileName: string): string {
  return relative(REPOSITORY, fileName);
}

function createProgram(added: ReadonlyMap<string, string>): ts.Program {
  const config = ts.readConfigFile(join(REPOSITORY, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, REPOSITORY);
  const texts = new Map([...added].map(([path, text]) => [join(REPOSITORY, path), text]));
  const host = ts.createCompilerHost(options);
  host.fileExists = (path) => texts.has(path) || ts.sys.fileExists(path);
  host.readFile = (path) => texts.get(path) ?? ts.sys.readFile(path);
  const roots = ts.sys.readDirectory(join(REPOSITORY, SOURCES), ['.ts', '.d.ts']);
  return ts.createProgram([...roots, ...texts.keys()], options, host);
}

/** Every property of `Session` is a slice; the file that declares its type owns it. */
function slicesOf(program: ts.Program, checker: ts.TypeChecker): readonly SliceType[] {
  const state = program.getSourceFile(join(REPOSITORY, STATE));
  const session = state?.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === 'Session',
  );
  return (session?.members ?? []).flatMap((member) => {
    if (!ts.isPropertySignature(member) || member.type === undefined || !ts.isTypeReferenceNode(member.type)) return [];
    const local = checker.getSymbolAtLocation(member.type.typeName);
    const symbol =
      local !== undefined && (local.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(local) : local;
    const declaration = symbol?.declarations?.[0];
    if (declaration === undefined) return [];
    const owner = pathOf(declaration.getSourceFile().fileName);
    return [{ name: member.name.getText(), owner, type: checker.getTypeFromTypeNode(member.type) }];
  });
}

function writesIn(source: ts.SourceFile, slices: readonly SliceType[], checker: ts.TypeChecker): readonly Write[] {
  const writes: Write[] = [];
  const note = (node: ts.Node, type: ts.Type | undefined): void => {
    const slice = type === undefined ? undefined : slices.find((one) => isPartOf(type, one.type));
    if (slice === undefined) return;
    const text = node.getText(source).replaceAll(/\s+/g, ' ').slice(0, 60);
    writes.push({ slice: slice.name, path: pathOf(source.fileName), text });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) note(node, madeType(node, checker, slices));
    if (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) note(node, checker.getTypeAtLocation(node.type));
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) note(node, objectOf(node.left, checker));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return writes;
}

/** The slice type that an object literal makes: expected where it stands, or spread in it. */
function madeType(
  node: ts.ObjectLiteralExpression,
  checker: ts.TypeChecker,
  slices: readonly SliceType[],
): ts.Type | undefined {
  const spread = node.properties.flatMap((property) =>
    ts.isSpreadAssignment(property) ? [checker.getTypeAtLocation(property.expression)] : [],
  );
  const expected = checker.getContextualType(node);
  const types = expected === undefined ? spread : [expected, ...spread];
  return types.find((type) => slices.some((slice) => isPartOf(type, slice.type)));
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

/** The type of the object to a property of which something is assigned. */
function objectOf(target: ts.Expression, checker: ts.TypeChecker): ts.Type | undefined {
  return ts.isPropertyAccessExpression(target) || ts.isElementAccessExpression(target)
    ? checker.getTypeAtLocation(target.expression)
    : undefined;
}

/** Whether `type` is the slice's type, or one of its variants, or a union with one of these. */
function isPartOf(type: ts.Type, slice: ts.Type): boolean {
  const variants = slice.isUnion() ? [slice, ...slice.types] : [slice];
  return variants.includes(type) || (type.isUnion() && type.types.some((variant) => variants.includes(variant)));
}
