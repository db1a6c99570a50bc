import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { StartJobRequest } from '../contract/schemas.ts';

/** The highest number of a user; the one above means none. */
const ID_MAX = 0xffff_fffe;
const MAPPING = /^(user|group):(\*|\d+)=(\d+)$/;

type Mapping = NonNullable<StartJobRequest['idMappings']>[number];

/** `--owner keep|none` and `--map user:1000=0`; what was not given is left out. CW_USAGE. */
export function ownerOptions(
  options: Record<string, unknown>,
): Pick<StartJobRequest, 'owner' | 'idMappings'> {
  const { owner, map } = options;
  const rules = (map as string[] | undefined)?.map(parseMapping) ?? [];
  if (owner !== undefined && owner !== 'keep' && owner !== 'none' && owner !== 'auto')
    throw new CausewayError('CW_USAGE', `--owner ${String(owner)}: keep or none is needed`);
  if (rules.length > LIMITS.idMappingsMax.value)
    throw new CausewayError('CW_USAGE', `--map: at most ${LIMITS.idMappingsMax.value} are taken`);
  return { ...(owner !== undefined && { owner }), ...(rules.length > 0 && { idMappings: rules }) };
}

function parseMapping(text: string): Mapping {
  const [, kind, from, to] = MAPPING.exec(text) ?? [];
  const ids = [from === '*' ? 0 : Number(from), Number(to)] as const;
  if (kind === undefined || Math.max(...ids) > ID_MAX)
    throw new CausewayError(
      'CW_USAGE',
      `--map ${text}: user:FROM=TO or group:FROM=TO with numbers is needed, for example user:1000=0`,
    );
  return { kind: kind as Mapping['kind'], ...(from !== '*' && { from: ids[0] }), to: ids[1] };
}
