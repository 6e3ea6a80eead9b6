// The architecture as rules: imports run from terminal to client, crypto and protocol, never back.
// test/meta/import-rules.test.ts shows of each rule that it finds a violation and names real files.
/** A package imports of ours only itself and what is allowed. */
const only = (from, allowed) => ({
  name: `${from}-imports-${allowed.length === 0 ? 'no-package' : allowed.join('-and-')}-only`,
  severity: 'error',
  from: { path: `^packages/${from}/src` },
  to: { path: '^packages/', pathNot: `^packages/(${[from, ...allowed].join('|')})/` },
});

/** A package imports neither other packages nor Node. */
const nothing = (from, comment) => ({
  name: `${from}-imports-nothing`,
  comment,
  severity: 'error',
  from: { path: `^packages/${from}/src` },
  to: { pathNot: `^packages/${from}/src` },
});

module.exports = {
  forbidden: [
    only('machine', []),
    only('messages', []),
    only('json-socket', ['machine']),
    only('protocol', []),
    only('crypto', ['protocol', 'machine']),
    only('confinement', ['messages']),
    only('tor', ['json-socket', 'machine', 'confinement', 'messages']),
    only('relay', ['protocol', 'json-socket', 'machine', 'confinement', 'messages']),
    only('client', ['crypto', 'protocol', 'machine', 'messages']),
    only('terminal', ['client', 'tor', 'protocol', 'crypto', 'json-socket', 'machine', 'confinement', 'messages']),
    only('host', ['client', 'tor', 'protocol', 'crypto', 'json-socket', 'machine', 'confinement', 'messages']),
    only('doctor', []),
    {
      name: 'doctor-stands-apart',
      comment:
        'It judges the others from outside: nothing of it may become part of what it judges. Its tests may import it.',
      severity: 'error',
      from: { pathNot: '^(packages/doctor|test)/' },
      to: { path: '^packages/doctor/' },
    },
    {
      name: 'front-ends-hand-crypto-over-and-use-none',
      comment:
        'The client imports nothing of Node, so whoever starts it hands it @sotto/crypto/native, and chooses where secrets lie; nothing else of crypto is theirs.',
      severity: 'error',
      from: { path: '^packages/(terminal|host)/src' },
      to: { path: '^packages/crypto/', pathNot: '^packages/crypto/src/(provider/native-provider|locked-memory)\\.ts$' },
    },
    {
      name: 'confinement-is-asked-by-programs',
      comment:
        'It looks at the process that it runs in, and ends it: nothing that is not a process of its own has a use for that. Its words on usage are pure.',
      severity: 'error',
      from: { path: '^packages/(?!confinement/)[^/]+/src', pathNot: '/src/((gate/|invite-)?main|exit-codes)\\.ts$' },
      to: { path: '^packages/confinement/', pathNot: '^packages/confinement/src/usage\\.ts$' },
    },
    {
      name: 'confinement-only-looks',
      comment: 'Its one socket asks whether a gateway is there.',
      severity: 'error',
      from: { path: '^packages/confinement/src' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(dgram|fs|os|process|timers/promises)$' },
    },
    {
      name: 'relay-never-reaches-crypto',
      comment: 'Zero knowledge made structural: no chain of imports leads from the relay to a key.',
      severity: 'error',
      from: { path: '^packages/relay/src' },
      to: { path: '^packages/(crypto|client|terminal|host)/', reachable: true },
    },
    nothing('protocol', 'Formats alone: any program can read and write them.'),
    nothing('machine', 'The shapes of state machines run anywhere, and every package may lean on them.'),
    nothing('messages', 'Texts alone: they can be read, translated and tested without a program.'),
    {
      name: 'machines-import-no-edge',
      comment: 'A pure machine is called by its edge, `x.ts`, and never calls it.',
      severity: 'error',
      from: { path: '^(packages/.+)-machine\\.ts$' },
      to: { path: '^$1\\.ts$' },
    },
    {
      name: 'machines-have-no-io',
      comment: 'A step depends on its arguments alone. Time, bytes and randomness come in as events and context.',
      severity: 'error',
      from: { path: '-machine\\.ts$' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
        pathNot: '^packages/',
      },
    },
    {
      name: 'machines-reach-no-io',
      comment: 'No imports lead from a machine to a socket, file, process or timer. The exception takes types.',
      severity: 'error',
      from: { path: '-machine\\.ts$', pathNot: '^packages/terminal/src/messenger-machine\\.ts$' },
      to: {
        path: [
          '^(node:)?(net|http|http2|https|tls|dgram|tty|worker_threads|child_process)$',
          '^(node:)?(dns|readline|fs|timers)(/promises)?$',
          '^packages/machine/src/system-clock\\.ts$',
          '^node_modules/(ioredis|socks|sodium-native)/',
        ],
        reachable: true,
      },
    },
    {
      name: 'group-never-imports-session',
      comment: 'The session drives the group.',
      severity: 'error',
      from: { path: '^packages/client/src/group/' },
      to: { path: '^packages/client/src/session/' },
    },
    {
      name: 'crypto-has-no-io',
      comment: 'Only the native provider asks Node, and only for its primitives.',
      severity: 'error',
      from: { path: '^packages/crypto/src', pathNot: '^packages/crypto/src/(provider/native-|locked-memory)' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'native-crypto-has-primitives-only',
      severity: 'error',
      from: { path: '^packages/crypto/src/provider/native-' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'locked-memory-only-looks',
      comment: 'Whether memory was locked is read in /proc/self/status.',
      severity: 'error',
      from: { path: '^packages/crypto/src/locked-memory' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?fs$' },
    },
    {
      name: 'browser-never-reaches-native-crypto',
      comment: '@sotto/crypto runs in a browser; @sotto/crypto/native is an entry of its own.',
      severity: 'error',
      from: { path: '^packages/crypto/src/(index|mls/index|provider/pure-provider)\\.ts$' },
      to: { path: '^packages/crypto/src/(provider/native-|locked-memory)', reachable: true },
    },
    {
      name: 'pure-primitives-are-loaded-on-purpose-only',
      comment: 'The images of Node run the native primitives: they never load @sotto/crypto/pure.',
      severity: 'error',
      from: {
        path: '^packages/(terminal|host|client|crypto)/src',
        pathNot: '^packages/crypto/src/provider/pure-provider',
      },
      to: { path: '^packages/crypto/src/provider/pure-', reachable: true },
    },
    {
      name: 'client-never-imports-a-socket',
      comment: 'The client is handed its dialler: the same code runs in a browser and over any transport.',
      severity: 'error',
      from: { path: '^packages/client/src' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-deep-import',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: {
        path: '^packages/[^/]+/src/',
        pathNot: [
          '^packages/$1/',
          '^packages/[^/]+/src/index\\.ts$',
          '^packages/confinement/src/usage\\.ts$',
          '^packages/machine/src/system-clock\\.ts$',
          '^packages/crypto/src/(mls/index|provider/(native|pure)-provider|locked-memory)\\.ts$',
        ],
      },
    },
    {
      name: 'fixtures-are-for-tests',
      severity: 'error',
      from: { pathNot: '^(packages/[^/]+/test|test)/' },
      to: { path: '^test/fixtures/' },
    },
    {
      name: 'src-imports-no-test',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      to: { path: ['^test/', '^packages/[^/]+/test/'] },
    },
    {
      name: 'tests-import-no-test-of-another-package',
      comment: 'Tests of several packages share @sotto/fixtures.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/test/' },
      to: { path: '^packages/[^/]+/test/', pathNot: '^packages/$1/' },
    },
    {
      name: 'no-test-of-a-package-is-imported-from-outside',
      comment: 'Tests of several packages share @sotto/fixtures.',
      severity: 'error',
      from: { path: '^(test|tools|scripts)/' },
      to: { path: '^packages/[^/]+/test/' },
    },
    {
      name: 'no-dev-dependency-in-src',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      to: { dependencyTypes: ['npm-dev'] },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    exclude: { path: 'node_modules/\\.' },
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
