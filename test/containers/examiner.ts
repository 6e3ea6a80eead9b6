// Looks for canaries in all memory of a container, of its processes and its files in memory, or in
// all files of volumes. It runs in a container of its own beside that one (side-container.ts hands
// it to node through stdin), so it imports nothing but Node.

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Something that must be nowhere else: at least 8 bytes, in hex. The examiner is given each byte
 * inverted, so that it finds no copy of its own.
 */
export interface Canary {
  readonly name: string;
  readonly hex: string;
}

/**
 * A process, by its program's path, or a file. `bytes` were read; `resident` are in memory (or in
 * the file).
 */
interface Place {
  readonly name: string;
  readonly bytes: number;
  readonly resident: number;
}

export interface Findings {
  readonly places: readonly Place[];
  /** By canary, then by form and place: how often. Only what was found. */
  readonly found: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly seconds: number;
}

interface Needle {
  readonly canary: string;
  readonly form: string;
  readonly bytes: Buffer;
}

interface Region {
  readonly from: number;
  readonly to: number;
  readonly residentBytes: number;
}

const CHUNK_BYTES = 4_194_304;
/** This machine's: 4 KiB, or more on some ARM. */
const PAGE_BYTES: number =
  Number(/^KernelPageSize: +([0-9]+) kB$/m.exec(readFileSync('/proc/self/smaps', 'utf8'))?.[1]) * 1_024;
const PAGEMAP_ENTRY_BYTES = 8;
/**
 * Seen through the first process of the container: the folders in which a program of a read-only
 * container can write without a volume.
 */
const FOLDERS_IN_MEMORY = ['/proc/1/root/tmp', '/proc/1/root/dev/shm'];
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/**
 * Name, alphabet and bits of each character. Onion addresses are base32, connection strings bech32.
 */
const ENCODINGS: readonly (readonly [form: string, alphabet: string, bits: number])[] = [
  ['hex', '0123456789abcdef', 4],
  ['HEX', '0123456789ABCDEF', 4],
  ['base64', `${BASE64}+/`, 6],
  ['base64url', `${BASE64}-_`, 6],
  ['base32', BASE32, 5],
  ['BASE32', BASE32.toUpperCase(), 5],
  ['bech32', BECH32, 5],
  ['BECH32', BECH32.toUpperCase(), 5],
];

/**
 * The canary as it is and in each encoding, wherever it may begin within an encoded whole; each in
 * one-byte and two-byte characters.
 */
function needlesOf(canary: Canary): Needle[] {
  const raw = Buffer.from(Buffer.from(canary.hex, 'hex').map((byte) => byte ^ 0xff));
  const forms: [string, Buffer][] = [['as it is', raw]];
  for (const [form, alphabet, bits] of ENCODINGS) {
    for (const text of new Set(encodings(raw, alphabet, bits))) forms.push([form, Buffer.from(text, 'latin1')]);
  }
  return forms.flatMap(([form, bytes]) => [
    { canary: canary.name, form, bytes },
    { canary: canary.name, form: `${form}, two-byte`, bytes: Buffer.from(bytes.toString('latin1'), 'utf16le') },
  ]);
}

/** The characters that `bytes` alone decide, behind 0, 1, … other bytes. */
function encodings(bytes: Buffer, alphabet: string, bits: number): string[] {
  const offsets = bits === 4 ? 1 : bits === 5 ? 5 : 3;
  return Array.from({ length: offsets }, (_, offset) => {
    let text = '';
    const endBit = 8 * (offset + bytes.length);
    for (let bit = Math.ceil((8 * offset) / bits) * bits; bit + bits <= endBit; bit += bits) {
      let word = 0;
      for (let at = bit; at < bit + bits; at += 1) {
        const byte = bytes[Math.floor(at / 8) - offset] ?? 0;
        word = (word << 1) | ((byte >> (7 - (at % 8))) & 1);
      }
      text += alphabet.charAt(word);
    }
    return text;
  });
}

/**
 * Finds any of many needles in one pass: a table of their first four bytes tells where to look
 * closer.
 */
class Search {
  readonly found: Record<string, Record<string, number>> = {};
  readonly #byStart = new Map<number, Needle[]>();
  readonly #maybe = new Uint8Array(2 ** 20);
  readonly #longest: number;
  #place = '';
  #carried: Buffer = Buffer.alloc(0);

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) {
      const start = needle.bytes.readUInt32BE(0);
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), needle]);
      this.#maybe[Math.imul(start, 0x9e3779b1) >>> 12] = 1;
    }
    this.#longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  }

  /** Ends the needle in progress: the next bytes do not continue the last ones. */
  begin(place: string): void {
    this.#place = place;
    this.#carried = Buffer.alloc(0);
  }

  push(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#carried, chunk]);
    const known = this.#carried.length;
    const maybe = this.#maybe;
    let start = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      start = (start << 8) | (bytes[at] ?? 0);
      if (maybe[Math.imul(start, 0x9e3779b1) >>> 12] === 1 && at >= 3) this.#compare(bytes, at - 3, start >>> 0, known);
    }
    this.#carried = bytes.subarray(Math.max(0, bytes.length - this.#longest + 1));
  }

  #compare(bytes: Buffer, at: number, start: number, known: number): void {
    for (const { canary, form, bytes: needle } of this.#byStart.get(start) ?? []) {
      const end = at + needle.length;
      // Hits that lie wholly in the carried bytes were counted with them.
      if (end <= known || end > bytes.length || bytes.compare(needle, 0, needle.length, at, end) !== 0) continue;
      const counts = (this.found[canary] ??= {});
      const where = `${form} in ${this.#place}`;
      counts[where] = (counts[where] ?? 0) + 1;
    }
  }
}

/** Every mapping of which something is in memory, whatever its protection. */
function residentRegions(pid: string): Region[] {
  const regions: Region[] = [];
  let range: readonly [number, number] | undefined;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) \S{4} \S+ \S+ \S+ *(.*)$/.exec(line);
    if (head !== null) {
      const [, from = '', to = '', name = ''] = head;
      // The kernel's own pages: a clock and a gate into it, the same for everybody.
      range = /^\[(vvar|vsyscall|vdso)/.test(name) ? undefined : [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    }
    const [, kibibytes = ''] = /^Rss: +([0-9]+) kB$/.exec(line) ?? /^Swap: +([0-9]+) kB$/.exec(line) ?? [];
    if (range !== undefined && Number(kibibytes) > 0) {
      const [from, to] = range;
      const last = regions.at(-1);
      const residentBytes = Number(kibibytes) * 1_024;
      if (last?.from === from) regions.splice(-1, 1, { from, to, residentBytes: last.residentBytes + residentBytes });
      else regions.push({ from, to, residentBytes });
    }
  }
  return regions;
}

/**
 * The parts of a region that are in memory or swapped out; the rest was never written to, or is as
 * on its file.
 */
function presentRuns(pagemap: number, region: Region): (readonly [from: number, to: number])[] {
  const entries = Buffer.alloc(((region.to - region.from) / PAGE_BYTES) * PAGEMAP_ENTRY_BYTES);
  readSync(pagemap, entries, 0, entries.length, (region.from / PAGE_BYTES) * PAGEMAP_ENTRY_BYTES);
  const runs: (readonly [number, number])[] = [];
  for (let page = 0; page < entries.length / PAGEMAP_ENTRY_BYTES; page += 1) {
    // The two highest of 64 bits: present, swapped.
    if (entries.readUInt8(page * PAGEMAP_ENTRY_BYTES + PAGEMAP_ENTRY_BYTES - 1) < 0x40) continue;
    const from = region.from + page * PAGE_BYTES;
    const last = runs.at(-1);
    if (last?.[1] === from) runs.splice(-1, 1, [last[0], from + PAGE_BYTES]);
    else runs.push([from, from + PAGE_BYTES]);
  }
  return runs;
}

/** @returns how many bytes could be read. */
function pour(search: Search, place: string, memory: number, [from, to]: readonly [from: number, to: number]): number {
  const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, to - from));
  search.begin(place);
  for (let at = from; at < to;) {
    const read = readSome(memory, buffer, Math.min(buffer.length, to - at), at);
    if (read === 0) return at - from;
    search.push(buffer.subarray(0, read));
    at += read;
  }
  return to - from;
}

function readSome(memory: number, buffer: Buffer, length: number, at: number): number {
  try {
    return readSync(memory, buffer, 0, length, at);
  } catch {
    // The caller compares the bytes read with the bytes resident.
    return 0;
  }
}

function examineProcesses(search: Search): Place[] {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid);
  // They stand still while they are read: what the collector of a live one gives back meanwhile
  // could not be told from what cannot be read.
  for (const pid of pids) signal(pid, 'SIGSTOP');
  try {
    return pids.map((pid) => examineProcess(search, pid)).filter((place) => place !== undefined);
  } finally {
    for (const pid of pids) signal(pid, 'SIGCONT');
  }
}

/**
 * To one that may have ended meanwhile. Process 1 of the container takes neither signal, and does
 * nothing but wait.
 */
function signal(pid: string, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(Number(pid), name);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ESRCH') throw error;
  }
}

/**
 * @returns undefined if it has ended meanwhile, as health checks do all the time; what was found in
 * it until then counts.
 */
function examineProcess(search: Search, pid: string): Place | undefined {
  try {
    const place = readProcess(search, pid);
    return hasEnded(pid) ? undefined : place;
  } catch (error) {
    if (hasEnded(pid)) return undefined;
    throw error;
  }
}

function hasEnded(pid: string): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return false;
  } catch (error) {
    return (error as { readonly code?: unknown }).code === 'ENOENT';
  }
}

function readProcess(search: Search, pid: string): Place {
  const name = readlinkSync(`/proc/${pid}/exe`);
  const [memory, pagemap] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(`/proc/${pid}/pagemap`, 'r')];
  let [bytes, resident] = [0, 0];
  try {
    for (const region of residentRegions(pid)) {
      resident += region.residentBytes;
      for (const run of presentRuns(pagemap, region)) bytes += pour(search, name, memory, run);
    }
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
  return { name, bytes, resident };
}

/** A file that is gone when the examiner opens it was not left behind. */
function unlessGone<Value>(look: () => Value, otherwise: Value): Value {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}

function filesIn(folder: string): string[] {
  const entries = unlessGone(() => readdirSync(folder, { withFileTypes: true }), []);
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path);
    return entry.isFile() ? [path] : [];
  });
}

function examineFiles(search: Search, folder: string): Place[] {
  return filesIn(folder).map((path) => {
    const content = unlessGone(() => readFileSync(path), Buffer.alloc(0));
    search.begin(path);
    search.push(content);
    return { name: path, bytes: content.length, resident: content.length };
  });
}

const [, , canaries = '[]', ...folders] = process.argv;
const fromMs = performance.now();
const search = new Search((JSON.parse(canaries) as Canary[]).flatMap(needlesOf));
const processes = folders.length === 0 ? examineProcesses(search) : [];
const files = (folders.length === 0 ? FOLDERS_IN_MEMORY : folders).flatMap((folder) => examineFiles(search, folder));
const findings: Findings = {
  places: [...processes, ...files],
  found: search.found,
  seconds: (performance.now() - fromMs) / 1_000,
};
process.stdout.write(JSON.stringify(findings));
