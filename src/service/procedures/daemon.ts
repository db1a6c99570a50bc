import { decide } from '../../access/rights/decide.ts';
import type { SetConfigRequest } from '../../contract/config_schemas.ts';
import type { AllowBody } from '../../contract/identity_schemas.ts';
import type { StatusView } from '../../contract/schemas.ts';
import type { Caller } from '../caller.ts';
import { maySee } from '../job_scope.ts';
import type { ServiceParts } from '../ports.ts';
import type { Procedure } from '../procedure.ts';
import { visibleVms } from './machines.ts';

const setAllow: Procedure = {
  subject: () => 'allow',
  details: ({ body }) => ({ networks: (body as AllowBody).networks.join(' ').slice(0, 8_192) }),
  act: async ({ allow }, { body }) => {
    await allow.set((body as AllowBody).networks);
    return { networks: allow.networks, configured: allow.configured };
  },
};

const setConfig: Procedure = {
  subject: (_parts, { body }) => (body as SetConfigRequest).name,
  details: ({ body }) => ({ value: (body as SetConfigRequest).value?.slice(0, 8_192) ?? 'default' }),
  act: ({ settings }, { body }) => {
    const { name, value } = body as SetConfigRequest;
    return settings.set(name, value ?? null);
  },
};

export const DAEMON_PROCEDURES = {
  status: { act: (parts, { caller }) => visibleStatus(parts, caller) },
  stop: {
    act: async ({ daemon }) => {
      daemon.requestStop();
      return {};
    },
  },
  showAllow: { act: async ({ allow }) => ({ networks: allow.networks, configured: allow.configured }) },
  setAllow,
  showMetrics: { act: ({ metrics }) => metrics.families() },
  showConfig: { act: async ({ settings }) => settings.view() },
  setConfig,
  reloadConfig: { subject: () => 'config', act: ({ settings }) => settings.reload() },
} satisfies Record<string, Procedure>;

/** Without machines and copies that the caller may not see; folders of the host are for who may see the settings. */
async function visibleStatus(parts: ServiceParts, caller: Caller): Promise<StatusView> {
  const status = await parts.daemon.status();
  const now = { nowMs: parts.clock.wallMs(), address: caller.address };
  const seesSettings = decide(caller.principal, 'settings.read', [], now).allowed;
  return {
    ...status,
    dataDirectory: seesSettings ? status.dataDirectory : '',
    web: status.web && caller.principal.kind !== 'local' ? { ...status.web, welcomeUrl: null } : status.web,
    vms: visibleVms(parts, caller),
    activeJobs: status.activeJobs.filter((job) => maySee(parts, caller, job)),
  };
}
