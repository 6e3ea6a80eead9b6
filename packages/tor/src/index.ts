// The entry of the tor package. The control connection and the inside of the gate stay private.

export { byteStreamOf } from './onion/byte-stream.ts';
export type {
  BootstrapProgress,
  BootstrapStage,
  BootstrapTag,
  BootstrapWarning,
  StallCause,
} from './control/bootstrap-machine.ts';
export type { ControlAddress, ControlTimeouts } from './control/control.ts';
export type { OnionRequest, ProofOfWork } from './control/command.ts';
export type { DescriptorFailure, FetchState } from './onion/descriptor.ts';
export { adviseDial, dialOnion } from './onion/dial.ts';
export type { Advice, DialOptions, SocksAddress } from './onion/dial.ts';
export { TorError } from './errors.ts';
export type { TorErrorCode } from './errors.ts';
export { connectGate, GateClient } from './gate/client.ts';
export type { GateClientOptions } from './gate/client.ts';
export type { GateStage, OnionPath, Vanguards } from './gate/protocol.ts';
export { OnionControl, openOnionControl } from './onion/onion-control.ts';
export { openOnion } from './onion/open-onion.ts';
export type { DescriptorWatch, OpenOnionOptions, OpenStep } from './onion/open-onion.ts';
export type { OnionControlOptions, PublishOptions, UploadProgress } from './onion/onion-control.ts';
export { ClientAuthKey, decodeOnionAddress, isOnionAddress, onionAddressOf, OnionKey } from './onion/onion-key.ts';
export type { HoldSecret } from './onion/onion-key.ts';
export { OLDEST_TOR } from './control/tor-version.ts';
export type { NetworkKind, TorIdentity } from './control/tor-version.ts';
