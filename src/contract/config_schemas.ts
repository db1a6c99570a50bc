import { type Static, Type } from 'typebox';

const Strict = { additionalProperties: false } as const;

const Value = Type.Union([Type.String(), Type.Number(), Type.Array(Type.String())]);

/** One setting of the daemon, with where its value comes from. */
export const SettingView = Type.Object({
  name: Type.String(),
  /** In force now. */
  value: Value,
  origin: Type.Union([
    Type.Literal('flag'),
    Type.Literal('environment'),
    Type.Literal('file'),
    Type.Literal('default'),
  ]),
  /** `--web`, `CAUSEWAY_WEB_ADDRESS` or `/etc/causeway/config.yaml:3:5`; empty for a default. */
  from: Type.String(),
  default: Value,
  /** In force from the next start of the daemon on; null where that is no other. */
  next: Type.Union([Value, Type.Null()]),
  applies: Type.Union([Type.Literal('at once'), Type.Literal('next start')]),
  takes: Type.String(),
  why: Type.String(),
});
export type SettingView = Static<typeof SettingView>;

export const ConfigView = Type.Object({
  /** Where `setConfig` writes; empty where the daemon has no config file. */
  file: Type.String(),
  settings: Type.Array(SettingView),
});
export type ConfigView = Static<typeof ConfigView>;

export const SetConfigRequest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    /** As on a command line; lists with commas. Without it the setting is taken out of the file. */
    value: Type.Optional(Type.String({ maxLength: 65_536 })),
  },
  Strict,
);
export type SetConfigRequest = Static<typeof SetConfigRequest>;
