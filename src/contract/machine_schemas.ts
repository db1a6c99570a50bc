import { type Static, Type } from 'typebox';

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
