// The parts of the engine's answers that the doctor reads. Any field may be absent, because engines
// differ by age.

type Maybe<Value> = Value | null | undefined;

export interface RawContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly AppArmorProfile?: Maybe<string>;
  readonly State: {
    readonly Running?: Maybe<boolean>;
    readonly Pid?: Maybe<number>;
    readonly Health?: Maybe<{
      readonly Status?: Maybe<string>;
      readonly Log?: Maybe<readonly { readonly Output?: Maybe<string> }[]>;
    }>;
  };
  readonly Config: {
    readonly User?: Maybe<string>;
    readonly Image?: Maybe<string>;
    readonly Cmd?: Maybe<readonly string[]>;
    readonly Labels?: Maybe<Readonly<Record<string, string>>>;
  };
  readonly HostConfig: RawHostConfig;
  readonly Mounts?: Maybe<
    readonly {
      readonly Type: string;
      readonly Name?: Maybe<string>;
      readonly Source?: Maybe<string>;
      readonly Destination: string;
      readonly RW?: Maybe<boolean>;
    }[]
  >;
  readonly NetworkSettings: {
    readonly Ports?: Maybe<RawPorts>;
    readonly Networks?: Maybe<Readonly<Record<string, Maybe<{ readonly IPAddress?: Maybe<string> }>>>>;
  };
}

export type RawPorts = Readonly<
  Record<string, Maybe<readonly { readonly HostIp?: Maybe<string>; readonly HostPort?: Maybe<string> }[]>>
>;

export interface RawHostConfig {
  readonly NetworkMode?: Maybe<string>;
  readonly PidMode?: Maybe<string>;
  readonly IpcMode?: Maybe<string>;
  readonly UTSMode?: Maybe<string>;
  readonly UsernsMode?: Maybe<string>;
  readonly CgroupnsMode?: Maybe<string>;
  readonly Privileged?: Maybe<boolean>;
  readonly PublishAllPorts?: Maybe<boolean>;
  readonly ReadonlyRootfs?: Maybe<boolean>;
  readonly PortBindings?: Maybe<RawPorts>;
  readonly CapAdd?: Maybe<readonly string[]>;
  readonly CapDrop?: Maybe<readonly string[]>;
  readonly SecurityOpt?: Maybe<readonly string[]>;
  readonly GroupAdd?: Maybe<readonly string[]>;
  readonly Devices?: Maybe<readonly { readonly PathOnHost?: Maybe<string> }[]>;
  readonly DeviceRequests?: Maybe<readonly { readonly Driver?: Maybe<string> }[]>;
  readonly DeviceCgroupRules?: Maybe<readonly string[]>;
  readonly MaskedPaths?: Maybe<readonly string[]>;
  readonly ReadonlyPaths?: Maybe<readonly string[]>;
  readonly Tmpfs?: Maybe<Readonly<Record<string, string>>>;
  readonly Dns?: Maybe<readonly string[]>;
  readonly ExtraHosts?: Maybe<readonly string[]>;
  readonly Links?: Maybe<readonly string[]>;
  readonly Sysctls?: Maybe<Readonly<Record<string, string>>>;
  readonly Memory?: Maybe<number>;
  readonly MemorySwap?: Maybe<number>;
  readonly MemorySwappiness?: Maybe<number>;
  readonly PidsLimit?: Maybe<number>;
  readonly NanoCpus?: Maybe<number>;
  readonly CpuQuota?: Maybe<number>;
  readonly CpuPeriod?: Maybe<number>;
  readonly Ulimits?: Maybe<readonly { readonly Name: string; readonly Hard: number }[]>;
  readonly LogConfig?: Maybe<{ readonly Type?: Maybe<string> }>;
  readonly RestartPolicy?: Maybe<{ readonly Name?: Maybe<string>; readonly MaximumRetryCount?: Maybe<number> }>;
}

export interface RawNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Driver?: Maybe<string>;
  readonly Internal?: Maybe<boolean>;
  readonly EnableIPv6?: Maybe<boolean>;
  readonly Options?: Maybe<Readonly<Record<string, string>>>;
  readonly Labels?: Maybe<Readonly<Record<string, string>>>;
  readonly IPAM?: Maybe<{
    readonly Config?: Maybe<readonly { readonly Subnet?: Maybe<string>; readonly Gateway?: Maybe<string> }[]>;
  }>;
  readonly Containers?: Maybe<
    Readonly<Record<string, { readonly Name?: Maybe<string>; readonly IPv4Address?: Maybe<string> }>>
  >;
}

export interface RawVolume {
  readonly Name: string;
  readonly Driver?: Maybe<string>;
  readonly Options?: Maybe<Readonly<Record<string, string>>>;
  readonly Labels?: Maybe<Readonly<Record<string, string>>>;
}

export interface RawEngine {
  readonly info: {
    readonly OperatingSystem?: Maybe<string>;
    readonly CgroupVersion?: Maybe<string>;
    readonly SecurityOptions?: Maybe<readonly string[]>;
    readonly MemoryLimit?: Maybe<boolean>;
    readonly SwapLimit?: Maybe<boolean>;
    readonly PidsLimit?: Maybe<boolean>;
    readonly CpuCfsQuota?: Maybe<boolean>;
    readonly Warnings?: Maybe<readonly string[]>;
  };
  readonly version: {
    readonly Version?: Maybe<string>;
    readonly Components?: Maybe<
      readonly {
        readonly Name?: Maybe<string>;
        readonly Version?: Maybe<string>;
        readonly Details?: Maybe<Readonly<Record<string, string>>>;
      }[]
    >;
  };
}
