// package-lock.json and manifests as the dependency audit sees them.

/** What a manifest says of whom it needs; other keys are of no interest here. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  /** The form before npm 2; some packages have it still. */
  readonly licenses?: readonly { readonly type?: string }[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, unknown>>;
}

interface LockEntry extends Manifest {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

/** A package that is not ours, at one place in node_modules. */
export interface LockedPackage {
  /** `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly integrity: string | undefined;
  readonly licence: string | undefined;
  /** Where it comes from, if that is not the registry. */
  readonly source: string | undefined;
  /** Whether only development needs it. */
  readonly development: boolean;
  readonly hasInstallScript: boolean;
}

export function readLock(text: string): readonly LockedPackage[] {
  const { packages } = JSON.parse(text) as { readonly packages: Readonly<Record<string, LockEntry>> };
  return Object.entries(packages)
    .filter(([path, entry]) => path.includes('node_modules/') && entry.link !== true)
    .map(([path, entry]) => ({
      path,
      name: entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version ?? '',
      integrity: entry.integrity,
      licence: entry.license,
      source: entry.resolved,
      development: entry.dev === true || entry.devOptional === true,
      hasInstallScript: entry.hasInstallScript === true,
    }));
}

/** The licence that a manifest states, in today's form. */
export function licenceOf(manifest: Manifest): string | undefined {
  const types = (manifest.licenses ?? []).map((licence) => licence.type).filter((type) => type !== undefined);
  return manifest.license ?? (types.length > 0 ? types.join(' OR ') : undefined);
}

/** What npm would run when it installs a package, were it allowed to. */
export function installScriptsOf(manifest: Manifest, hasGyp: boolean): readonly string[] {
  const stated = ['preinstall', 'install', 'postinstall'].filter((name) => manifest.scripts?.[name] !== undefined);
  return stated.length === 0 && hasGyp ? ['install (binding.gyp)'] : stated;
}
