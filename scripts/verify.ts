// `./scripts/verify` after set-up: builds Sotto's images twice from the current commit, in two
// clean clones, and names every difference.

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCommandLine, USAGE_EXIT_SYSEXITS } from './command-line.ts';
import { parseSettings, settingsHere } from '../tools/compose-lint/compose-variables.ts';
import { STACKS } from '../tools/compose-lint/requirements.ts';
import { makeStack, readFiles } from '../tools/compose-lint/stack.ts';
import { show, textAt, treeAt } from '../tools/compose-lint/tree.ts';
import { DockerError, readImage } from '../tools/reproducible-build/docker-image.ts';
import { verifyImage } from '../tools/reproducible-build/rebuild.ts';
import type { BuildPlan, Image } from '../tools/reproducible-build/docker-image.ts';
import { digestOfAll } from '../tools/reproducible-build/layers.ts';
import {
  differencesFromRelease,
  parseBuild,
  ReleasedDigestsError,
  renderBuild,
} from '../tools/reproducible-build/released-digests.ts';
import type { Build } from '../tools/reproducible-build/released-digests.ts';

const RELEASED = 'docs/released-digests.txt';
/** The CA of a proxy to the npm registry. The scripts write it; it gets into no image. */
const CA_BUNDLE = 'ca-bundle.pem';

/** The umasks of the two clones: no image may depend on the user's umask. */
const UMASKS = [0o022, 0o077] as const;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const git = (...args: readonly string[]): string => execFileSync('git', [...args], { encoding: 'utf8' }).trim();

/** Makes a clean clone under that umask. */
function cloneUnder(umask: number, clone: string, commit: string): void {
  const before = process.umask(umask);
  try {
    git('clone', '--quiet', '--no-hardlinks', '.', clone);
    git('-C', clone, 'checkout', '--quiet', '--detach', commit);
    if (existsSync(CA_BUNDLE)) copyFileSync(CA_BUNDLE, join(clone, CA_BUNDLE));
  } finally {
    process.umask(before);
  }
}

/** The images that Compose builds, each once. */
function buildPlans(settings: ReadonlyMap<string, string>): readonly BuildPlan[] {
  const [shipped] = STACKS;
  if (shipped === undefined) return [];
  const readText = (path: string): string => readFileSync(path, 'utf8');
  const { services } = makeStack(shipped, readFiles(shipped, readText), settings, readText);
  const plans = services.flatMap(({ tree }): BuildPlan[] => {
    const image = textAt(tree, 'image') ?? '';
    const args = Object.fromEntries(
      Object.entries(treeAt(treeAt(tree, 'build'), 'args')).map(([key, arg]) => [key, show(arg)]),
    );
    const [dockerfile, target] = [textAt(treeAt(tree, 'build'), 'dockerfile'), textAt(treeAt(tree, 'build'), 'target')];
    if (dockerfile === undefined || target === undefined) return [];
    return [{ name: image.replace(/^sotto-|:.*$/g, ''), image, dockerfile, target, args }];
  });
  return [...new Map(plans.map((plan) => [plan.image, plan])).values()];
}

/** @returns npm's count of known holes, or that the registry does not answer. */
function advisories(): string {
  const run = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', timeout: 60_000 });
  try {
    const { metadata } = JSON.parse(run.stdout) as { metadata?: { vulnerabilities?: Record<string, number> } };
    const known = metadata?.vulnerabilities;
    if (known !== undefined) return `npm audit: ${known['total'] ?? 0} known holes in the shipped packages`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return 'npm audit: no answer from this registry';
}

function main(): number {
  const settings = settingsHere(parseSettings(readFileSync('.env', 'utf8')), process.env);
  const [commit, epochSeconds] = [git('rev-parse', 'HEAD'), Number(git('log', '-1', '--format=%ct'))];
  const uncommitted = git('status', '--porcelain')
    .split('\n')
    .filter((line) => line !== '').length;
  if (uncommitted > 0) say(`   ${uncommitted} uncommitted changes are left out`);
  const plans = buildPlans(settings);
  const home = mkdtempSync(join(tmpdir(), 'sotto-verify-'));
  try {
    const clones = [join(home, 'one'), join(home, 'another', 'place')] as const;
    clones.forEach((clone, index) => {
      cloneUnder(UMASKS[index] ?? 0, clone, commit);
    });
    return report(plans, clones, { commit, epochSeconds, version: settings.get('SOTTO_VERSION') ?? '' });
  } finally {
    rmSync(home, { recursive: true });
  }
}

function report(
  plans: readonly BuildPlan[],
  clones: readonly [string, string],
  {
    commit,
    epochSeconds,
    version,
  }: { readonly commit: string; readonly epochSeconds: number; readonly version: string },
): number {
  const images = new Map<string, Image>();
  const differences: string[] = [];
  const here: string[] = [];
  for (const plan of plans) {
    const started = performance.now();
    const [image, verdict] = verifyImage(plan, clones, epochSeconds);
    images.set(plan.name, image);
    differences.push(...verdict.differences);
    here.push(...verdict.here);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    say(
      `   ${plan.name}: built twice in ${seconds} s: ${verdict.differences.length === 0 ? `the same ${image.layers.length} layers` : 'DIFFERS'}`,
    );
    for (const line of [...verdict.differences, ...verdict.remarks]) say(`      ${line}`);
  }
  const bases = new Map(
    [...new Set(plans.flatMap((plan) => [plan.args['SOTTO_NODE_IMAGE'], plan.args['SOTTO_DEBIAN_IMAGE']]))]
      .filter((name) => name !== undefined)
      .map((name): [string, string] => [name, digestOfAll(readImage(name).layers)]),
  );
  const rebuilt: Build = {
    version,
    commit,
    bases,
    images: new Map([...images].map(([name, image]) => [`${name} ${image.platform}`, image.layers])),
  };
  for (const name of bases.keys())
    if (readImage(name).isTwin)
      say(
        `   ${name} was made here, because no registry answered; its layer rootfs is the same elsewhere while Node's and Debian's versions are the same`,
      );
  for (const line of here) say(`   ${line}`);
  say(`   ${advisories()}`);
  differences.push(...compareWithRelease(rebuilt));
  if (values.digests === true) process.stdout.write(renderBuild(rebuilt));
  say(
    differences.length === 0
      ? `verify: commit ${commit.slice(0, 12)} gives the same images each time`
      : 'verify: DIFFERENT, see above',
  );
  return differences.length === 0 ? 0 : 1;
}

function compareWithRelease(rebuilt: Build): readonly string[] {
  if (!existsSync(RELEASED)) {
    say(`   no release to compare with: ${RELEASED} is not there yet`);
    return [];
  }
  const release = parseBuild(readFileSync(RELEASED, 'utf8'));
  if (release.commit !== rebuilt.commit) {
    say(`   the release is of another commit; next: git checkout ${release.commit}, and run ./scripts/verify there`);
    return [];
  }
  const lines = differencesFromRelease(release, rebuilt);
  for (const line of lines) say(`   against the release: ${line}`);
  if (lines.length === 0) say('   against the release: the same');
  return lines;
}

const { values } = readCommandLine({
  usage: 'Usage: node scripts/verify.ts [--digests]; ./scripts/verify sets the machine up first',
  usageExit: USAGE_EXIT_SYSEXITS,
  options: { digests: { type: 'boolean' } },
});

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof DockerError || error instanceof ReleasedDigestsError)) throw error;
  say(`verify: ${error.code}: ${error.message}`);
  process.exitCode = 1;
}
