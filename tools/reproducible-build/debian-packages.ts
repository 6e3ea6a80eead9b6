// Reads dpkg's list of packages: `status`, or one file a package under `status.d` in images without
// dpkg.

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source package and its version, which Debian's security tracker goes by. */
  readonly source: string;
}

/** Installed packages only, by name. */
export function parseDpkgStatus(text: string): readonly DebianPackage[] {
  const packages = text.split(/\n\n+/).flatMap((stanza): DebianPackage[] => {
    const fields = new Map(
      [...stanza.matchAll(/^([A-Za-z-]+): *(.*)$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']),
    );
    const [name, version] = [fields.get('Package'), fields.get('Version')];
    if (name === undefined || version === undefined || fields.get('Status')?.endsWith(' installed') === false)
      return [];
    const [, source = name, sourceVersion = version] =
      /^(\S+)(?: \(([^)]*)\))?$/.exec(fields.get('Source') ?? name) ?? [];
    return [{ name, version, architecture: fields.get('Architecture') ?? 'all', source: `${source}@${sourceVersion}` }];
  });
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}
