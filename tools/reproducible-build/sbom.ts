// Makes the bill of materials of one image as CycloneDX 1.5: npm's list reduced to the image's
// packages, Debian's packages, and Node. The same image gives the same bytes: no time, no random
// number.

import { createHash } from 'node:crypto';
import type { DebianPackage } from './debian-packages.ts';
import type { Layer } from './layers.ts';

/** A component as CycloneDX has it; what npm writes beyond this is kept as it is. */
interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly [more: string]: unknown;
}

/** What `npm sbom` writes, as far as it is used. */
export interface NpmBom {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

export interface ImageContents {
  readonly name: string;
  readonly version: string;
  readonly layers: readonly Layer[];
  /** `name@version` of every npm package in it, ours included. */
  readonly npm: readonly string[];
  readonly debian: readonly DebianPackage[];
  /** Without the v; undefined where there is no Node. */
  readonly nodeVersion: string | undefined;
}

export class SbomError extends Error {
  override readonly name = 'SbomError';
  readonly code = 'package-unaccounted';
}

/** @throws SbomError for an npm package in the image that the lock file does not account for. */
export function makeBom(image: ImageContents, npm: NpmBom): string {
  const known = new Map(npm.components.map((component) => [component['bom-ref'], component]));
  const own = image.npm.map((ref) => {
    const component = known.get(ref);
    if (component === undefined)
      throw new SbomError(`${image.name} has ${ref}, which package-lock.json does not account for`);
    return { ...component, scope: 'required' };
  });
  const components = sorted([...own, ...image.debian.map(debianComponent), ...nodeComponent(image.nodeVersion)]);
  const refs = new Set(components.map((component) => component['bom-ref']));
  const root = `${image.name}@${image.version}`;
  const within = npm.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)).sort() }));
  const bom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        'bom-ref': root,
        type: 'container',
        name: image.name,
        version: image.version,
        properties: image.layers.map((layer) => ({ name: `sotto:layer:${layer.name}`, value: layer.digest })),
      },
    },
    components,
    dependencies: [{ ref: root, dependsOn: [...refs].sort() }, ...within.sort((a, b) => (a.ref < b.ref ? -1 : 1))],
  };
  return `${JSON.stringify({ ...bom, serialNumber: serialOf(JSON.stringify(bom)) }, null, 2)}\n`;
}

/** One component a package, in the order of their references. */
function sorted(components: readonly Component[]): readonly Component[] {
  const byRef = new Map(components.map((component) => [component['bom-ref'], component]));
  return [...byRef.values()].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
}

function debianComponent({ name, version, architecture, source }: DebianPackage): Component {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
  return {
    'bom-ref': purl,
    type: 'library',
    name,
    version,
    purl,
    properties: [{ name: 'debian:source', value: source }],
  };
}

function nodeComponent(version: string | undefined): readonly Component[] {
  if (version === undefined) return [];
  const purl = `pkg:generic/node@${version}`;
  return [
    { 'bom-ref': purl, type: 'application', name: 'node', version, purl, licenses: [{ license: { id: 'MIT' } }] },
  ];
}

/** A UUID of version 8 (RFC 9562): the content's own digest instead of a random number. */
function serialOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const variant = '89ab'.charAt(Number.parseInt(hex.charAt(16), 16) % 4);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join('-')}`;
}
