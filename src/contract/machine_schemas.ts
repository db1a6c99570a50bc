import { type Static, Type } from 'typebox';
import { ErrorBody } from './part_schemas.ts';

const Strict = { additionalProperties: false } as const;

export const UpdateVmRequest = Type.Object(
  {
    /** Says what would happen, and changes nothing. */
    dryRun: Type.Optional(Type.Boolean()),
    /** Also while copies run; they go on with the new agent. */
    now: Type.Optional(Type.Boolean()),
    /** Also where the machine has a newer version. */
    allowDowngrade: Type.Optional(Type.Boolean()),
    /** A built agent of this host in place of its own; absolute. */
    modulePath: Type.Optional(Type.String({ pattern: '^/[^\\x00-\\x1f]*$', maxLength: 4096 })),
  },
  Strict,
);
export type UpdateVmRequest = Static<typeof UpdateVmRequest>;

export const AgentUpdateView = Type.Object({
  name: Type.String(),
  from: Type.String(),
  to: Type.String(),
  /** What was sent, or would be. */
  sentBytes: Type.Integer({ minimum: 0 }),
  state: Type.Union([Type.Literal('current'), Type.Literal('would be updated'), Type.Literal('updated')]),
});
export type AgentUpdateView = Static<typeof AgentUpdateView>;

export const VmKeyView = Type.Object({
  name: Type.String(),
  /** SHA-256 of certificates, hex. */
  from: Type.String(),
  to: Type.String(),
});
export type VmKeyView = Static<typeof VmKeyView>;

export const KeyRotationView = Type.Object({
  from: Type.String(),
  to: Type.String(),
  /** Until then the former key is shown to machines that know no other, ms since 1970 UTC. */
  formerUntilMs: Type.Union([Type.Number(), Type.Null()]),
  machines: Type.Array(
    Type.Object({
      name: Type.String(),
      /** `away`: it is told when it is linked. `too-old`: its agent knows nothing of this. `no-keys`: a trusted carrier. */
      state: Type.Union([
        Type.Literal('told'),
        Type.Literal('away'),
        Type.Literal('too-old'),
        Type.Literal('no-keys'),
        Type.Literal('failed'),
      ]),
      error: Type.Union([ErrorBody, Type.Null()]),
    }),
  ),
});
export type KeyRotationView = Static<typeof KeyRotationView>;

export const DiscoverRequest = Type.Object(
  {
    /** A hypervisor of this host as libvirt names it, in place of `qemu:///system`. */
    uri: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    /** Control socket (QMP) of a QEMU, absolute; or several. */
    qmp: Type.Optional(
      Type.Union([
        Type.String({ pattern: '^/', maxLength: 107 }),
        Type.Array(Type.String({ pattern: '^/', maxLength: 107 }), { maxItems: 16 }),
      ]),
    ),
  },
  Strict,
);
export type DiscoverRequest = Static<typeof DiscoverRequest>;

export const DiscoveredVmView = Type.Object({
  foundBy: Type.Union([Type.Literal('libvirt'), Type.Literal('qemu')]),
  name: Type.String(),
  uuid: Type.Union([Type.String(), Type.Null()]),
  state: Type.Union([
    Type.Literal('running'),
    Type.Literal('paused'),
    Type.Literal('off'),
    Type.Literal('unknown'),
  ]),
  /** Its port for the agent; null where it has none. */
  channel: Type.Union([
    Type.Object({ name: Type.String(), path: Type.Union([Type.String(), Type.Null()]) }),
    Type.Null(),
  ]),
  /** The machine of this daemon that it is; null where it is none yet. */
  vm: Type.Union([Type.String(), Type.Null()]),
  /** The command that makes it one; null where it is one, or QEMU has to be started in another way first. */
  add: Type.Union([Type.String(), Type.Null()]),
});
export type DiscoveredVmView = Static<typeof DiscoveredVmView>;

export const DiscoveryView = Type.Object({
  machines: Type.Array(DiscoveredVmView),
  /** What could not be asked, and why. */
  missed: Type.Array(Type.Object({ place: Type.String(), code: Type.String(), message: Type.String() })),
});
export type DiscoveryView = Static<typeof DiscoveryView>;
