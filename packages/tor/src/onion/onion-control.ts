// The host's view of Tor: it reads Tor's progress, and adds, watches and deletes its own onions.
// The control connection stays private to this file.

import type { BootstrapStage } from '../control/bootstrap-machine.ts';
import type { StageListener } from '../control/bootstrap.ts';
import { BOOTSTRAP_EVENTS, BootstrapWatch } from '../control/bootstrap.ts';
import type { Clock } from '@sotto/machine';
import { backgroundClock } from '@sotto/machine/system-clock';
import type { ControlAddress, ControlTimeouts, TorControl } from '../control/control.ts';
import { connectControl } from '../control/control.ts';
import type { OnionRequest } from '../control/command.ts';
import type { UploadState } from './descriptor.ts';
import { NOTHING_UPLOADED, readDescriptorEvent, stepUpload } from './descriptor.ts';
import type { TorErrorCode } from '../errors.ts';
import { TorError } from '../errors.ts';
import { DESCRIPTOR_DIRECTORIES, MAX_OWN_ONIONS, ONION_UPLOAD_TIMEOUT_MS } from '../limits.ts';
import type { ControlMessage } from '../control/reply-parser.ts';
import type { NetworkKind, TorIdentity } from '../control/tor-version.ts';
import { identifyTor } from '../control/tor-version.ts';

/**
 * Progress of a publication. `expected` is the number of directories of one descriptor; a small
 * network has fewer.
 */
export interface UploadProgress extends UploadState {
  readonly expected: number;
}

export interface PublishOptions {
  readonly onProgress?: (progress: UploadProgress) => void;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface OnionControlOptions extends ControlAddress {
  /** Called with each new stage; the first calls come before `openOnionControl` is done. */
  readonly onStage?: StageListener;
  readonly clock?: Clock;
  readonly timeouts?: ControlTimeouts;
}

/**
 * Connects to the Tor that publishes onions, and refuses one that is too old.
 * @throws TorError of `connectControl`, or `tor-too-old` or `tor-unprotected`
 */
export async function openOnionControl(options: OnionControlOptions): Promise<OnionControl> {
  const clock = options.clock ?? backgroundClock;
  const control = await connectControl(options, options.timeouts);
  const watch = new BootstrapWatch(clock, options.onStage ?? (() => undefined));
  try {
    const identity = await identifyTor(control);
    await control.setEvents([...BOOTSTRAP_EVENTS, 'HS_DESC']);
    await watch.follow(control);
    return new OnionControl(control, watch, identity, clock);
  } catch (error) {
    watch.stop();
    control.close();
    throw error;
  }
}

/**
 * The narrow view of one control connection. When it ends, its onions have ended too: open another
 * and publish them again.
 */
export class OnionControl {
  readonly version: string;
  readonly network: NetworkKind;
  /** Why the connection ended. Never rejects. */
  readonly closed: Promise<TorErrorCode>;
  readonly #control: TorControl;
  readonly #watch: BootstrapWatch;
  readonly #clock: Clock;
  readonly #own = new Map<string, OwnOnion>();

  constructor(control: TorControl, watch: BootstrapWatch, identity: TorIdentity, clock: Clock) {
    this.#control = control;
    this.#watch = watch;
    this.#clock = clock;
    this.version = identity.version;
    this.network = identity.network;
    control.onEvent((message) => this.#noteDescriptor(message));
    this.closed = control.closed.then((code) => this.#release(code));
  }

  /** The newest stage of Tor's bootstrap. */
  get stage(): BootstrapStage {
    return this.#watch.stage;
  }

  /**
   * Adds an onion and waits until a first directory holds its descriptor; gives the address (56
   * characters). On any failure the onion is deleted again.
   * @throws TorError `onion-upload-timeout`, `aborted`, `onion-limit`, `onion-address-mismatch`,
   * `control-refused`, …
   */
  async publish(request: OnionRequest, options: PublishOptions = {}): Promise<string> {
    const { address } = request.key;
    if (options.signal?.aborted === true) throw new TorError('aborted');
    if (this.#own.size >= MAX_OWN_ONIONS || this.#own.has(address)) throw new TorError('onion-limit');
    const onion = new OwnOnion(options.onProgress ?? (() => undefined));
    // Known before it is added: Tor may report the first upload at once.
    this.#own.set(address, onion);
    try {
      await this.#control.addOnion(request);
      await this.#firstUpload(onion, options);
      return address;
    } catch (error) {
      await this.#withdraw(address);
      throw error;
    }
  }

  /** Deletes an onion of this connection. @throws TorError `onion-unknown` for any other */
  async remove(address: string): Promise<void> {
    if (!this.#own.delete(address)) throw new TorError('onion-unknown');
    await this.#control.delOnion(address);
  }

  /**
   * How often the descriptor of an own onion was uploaded so far.
   *
   * @throws TorError `onion-unknown`
   */
  uploads(address: string): UploadProgress {
    const onion = this.#own.get(address);
    if (onion === undefined) throw new TorError('onion-unknown');
    return onion.progress;
  }

  /** Ends the connection; Tor deletes its onions at once. */
  close(): void {
    this.#watch.stop();
    this.#control.close();
  }

  async #firstUpload(onion: OwnOnion, options: PublishOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const giveUp = (): void => reject(new TorError('aborted'));
    const expire = (): void => reject(new TorError('onion-upload-timeout'));
    const cancelTimer = this.#clock.after(options.timeoutMs ?? ONION_UPLOAD_TIMEOUT_MS, expire);
    options.signal?.addEventListener('abort', giveUp, { once: true });
    if (options.signal?.aborted === true) giveUp();
    onion.firstUpload.then(() => resolve(undefined), reject);
    try {
      await promise;
    } finally {
      cancelTimer();
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  async #withdraw(address: string): Promise<void> {
    if (!this.#own.delete(address)) return;
    try {
      await this.#control.delOnion(address);
    } catch (error) {
      // Refused or disconnected: the onion does not exist, as wanted.
      // Anything else is a bug.
      if (!(error instanceof TorError)) throw error;
    }
  }

  #noteDescriptor(message: ControlMessage): void {
    const event = readDescriptorEvent(message);
    const onion = event === undefined ? undefined : this.#own.get(event.address);
    if (event !== undefined && onion !== undefined) onion.note(stepUpload(onion.progress, event));
  }

  #release(code: TorErrorCode): TorErrorCode {
    this.#watch.stop();
    for (const onion of this.#own.values()) onion.fail(new TorError(code));
    this.#own.clear();
    return code;
  }
}

class OwnOnion {
  readonly firstUpload: Promise<void>;
  readonly #onProgress: (progress: UploadProgress) => void;
  #progress: UploadProgress = { ...NOTHING_UPLOADED, expected: DESCRIPTOR_DIRECTORIES };
  #uploaded: () => void = () => undefined;
  #failed: (error: TorError) => void = () => undefined;

  constructor(onProgress: (progress: UploadProgress) => void) {
    this.#onProgress = onProgress;
    this.firstUpload = new Promise((resolve, reject) => {
      this.#uploaded = resolve;
      this.#failed = reject;
    });
    // The waiter gets a failure; if it has gone already, nothing needs it.
    this.firstUpload.catch(() => undefined);
  }

  get progress(): UploadProgress {
    return this.#progress;
  }

  note(state: UploadState): void {
    if (state === this.#progress) return;
    this.#progress = { ...state, expected: DESCRIPTOR_DIRECTORIES };
    this.#onProgress(this.#progress);
    if (this.#progress.uploaded > 0) this.#uploaded();
  }

  fail(error: TorError): void {
    this.#failed(error);
  }
}
