// Docker's many words for one thing, and what must never be taken along from an inspected
// container.

import { describe, expect, test } from 'vitest';
import { containerFacts, engineFacts, filesAdded, networkFacts, shortName } from '../src/facts.ts';
import type { RawContainer } from '../src/engine-answers.ts';

const BARE: RawContainer = {
  Id: 'ab'.repeat(32),
  Name: '/sotto-client-run-1',
  Image: `sha256:${'cd'.repeat(32)}`,
  State: {},
  Config: {},
  HostConfig: {},
  NetworkSettings: {},
};

describe('the compose files besides the repository’s', () => {
  const made = (...files: readonly string[]): RawContainer => ({
    ...BARE,
    Config: { Labels: { 'com.docker.compose.project.config_files': files.join(',') } },
  });

  test.each<[string, readonly RawContainer[], readonly string[]]>([
    ['no label', [BARE], []],
    ['the shipped file', [made('/home/x/sotto/docker-compose.yml')], []],
    [
      'the private network',
      [made('docker-compose.yml', '/s/test/tornet/compose.yml', '/s/test/tornet/no-network.yml')],
      [],
    ],
    ['an override', [made('/s/docker-compose.yml', '/s/docker-compose.override.yml')], ['docker-compose.override.yml']],
    ['Windows', [made('C:\\s\\docker-compose.yml', 'C:\\s\\compose.override.yaml')], ['compose.override.yaml']],
    ['one container alone', [made('/s/docker-compose.yml'), made('/s/docker-compose.yml', '/s/my.yml')], ['my.yml']],
    ['a name alike', [made('/s/my-docker-compose.yml')], ['my-docker-compose.yml']],
  ])('are found from the labels: %s', (_what, containers, files) => {
    expect(filesAdded(containers)).toEqual(files);
  });
});

describe('a container', () => {
  test('has the worst value of each fact if it has no field', () => {
    expect(containerFacts('sotto', BARE, [])).toMatchObject({
      name: 'client-run-1',
      service: '',
      running: false,
      user: '',
      rootReadOnly: false,
      memoryBytes: 0,
      pids: 0,
      cpus: 0,
      coreBytes: null,
      maskedPaths: 0,
      logDriver: '',
      mounts: [],
    });
  });

  test('reveals neither command line nor environment, which may hold a connection string', () => {
    const secret = `sotto1${'q'.repeat(112)}`;
    const Config = { Cmd: ['--name', 'bob', secret], Env: [`STRING=${secret}`], Hostname: 'my-laptop' };
    expect(JSON.stringify(containerFacts('sotto', { ...BARE, Config }, []))).not.toMatch(/sotto1q|bob|my-laptop/);
  });

  test('lists its published ports of now and of the next start, and all ports if so set', () => {
    const facts = containerFacts(
      'sotto',
      {
        ...BARE,
        HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] }, PublishAllPorts: true },
        NetworkSettings: { Ports: { '53/udp': [{ HostIp: '::', HostPort: '53' }], '9/tcp': null } },
      },
      [],
    );
    expect(facts.published).toEqual(['127.0.0.1:8080 -> 80/tcp', ':::53 -> 53/udp', 'all ports']);
  });

  test.each([
    [{ NanoCpus: 1_500_000_000 }, 1.5],
    [{ CpuQuota: 50_000 }, 0.5],
    [{ CpuQuota: 50_000, CpuPeriod: 200_000 }, 0.25],
    [{ CpuQuota: -1 }, 0],
  ])('has its processor time from %j', (HostConfig, cpus) => {
    expect(containerFacts('sotto', { ...BARE, HostConfig }, []).cpus).toBe(cpus);
  });

  test('counts outputs of its health check, but not those of the engine', () => {
    const Log = [
      { Output: '' },
      { Output: 'Health check exceeded timeout (5s)' },
      { Output: 'OCI runtime exec failed: x' },
      { Output: 'hello' },
    ];
    expect(containerFacts('sotto', { ...BARE, State: { Health: { Log } } }, []).healthOutputs).toBe(1);
  });

  test('keeps the fact that it has its own seccomp profile, but not the profile', () => {
    const HostConfig = { SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ERRNO"}', 'seccomp=unconfined'] };
    expect(containerFacts('sotto', { ...BARE, HostConfig }, []).securityOptions).toEqual([
      'seccomp=profile',
      'seccomp=unconfined',
    ]);
  });
});

test('a container name loses its project, and nothing else', () => {
  expect(shortName('sotto', '/sotto-relay-1')).toBe('relay-1');
  expect(shortName('sotto', 'sotto_state')).toBe('state');
  expect(shortName('sotto', 'sotto-test_state')).toBe('test_state');
  expect(shortName('sotto', 'bridge')).toBe('bridge');
});

test('runc has its distribution’s version if that is more exact, and its own if the build is a commit', () => {
  const of = (Version: string, GitCommit: string): string =>
    engineFacts({ info: {}, version: { Components: [{ Name: 'runc', Version, Details: { GitCommit } }] } }).runc;
  expect(of('1.1.5+ds1', '1.1.5+ds1-1+deb12u1')).toBe('1.1.5+ds1-1+deb12u1');
  expect(of('1.1.12', 'v1.1.12-0-g51d5e946')).toBe('1.1.12');
  expect(engineFacts({ info: {}, version: {} }).limits).toEqual({
    memory: false,
    swap: false,
    pids: false,
    cpu: false,
  });
});

test('a network without any field is open', () => {
  expect(networkFacts('sotto', { Id: '1', Name: 'sotto_state' })).toMatchObject({
    name: 'state',
    internal: false,
    inhibitIpv4: false,
  });
});
