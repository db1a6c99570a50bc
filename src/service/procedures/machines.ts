import type { Action } from '../../access/rights/actions.ts';
import { decide } from '../../access/rights/decide.ts';
import type {
  AgentUpdateView,
  DiscoverRequest,
  KeyRotationView,
  UpdateVmRequest,
  VmKeyView,
} from '../../contract/machine_schemas.ts';
import type { AddVmRequest, PairRequest, SetVmRequest, VmEndpoint, VmView } from '../../contract/schemas.ts';
import { sshText } from '../../vm/ssh/ssh_command.ts';
import { type Caller, param } from '../caller.ts';
import type { ServiceParts } from '../ports.ts';
import type { Details, Procedure } from '../procedure.ts';

const addVm: Procedure = {
  resources: (_parts, { body }) => [{ kind: 'vm', vm: (body as AddVmRequest).name }],
  also: ({ body }) => localActions(body as AddVmRequest),
  subject: (_parts, { body }) => `vm:${(body as AddVmRequest).name}`,
  details: ({ body }) => endpointDetails(body as AddVmRequest),
  act: ({ machines }, { body }) => machines.add(body as AddVmRequest),
};

/** A module that somebody names is run on this host, and then on the machine. */
const updateVm: Procedure = {
  subject: (_parts, call) => `vm:${param(call, 'name')}`,
  also: ({ body }) => ((body as UpdateVmRequest).modulePath === undefined ? [] : ['vm.add-local']),
  details: ({ body }) => updateDetails(body as UpdateVmRequest),
  outcome: (result) => {
    const { from, to, state } = result as AgentUpdateView;
    return { from, to, state };
  },
  act: ({ agents }, call) => agents.update(param(call, 'name'), call.body as UpdateVmRequest),
};

function updateDetails({ dryRun, now, allowDowngrade, modulePath }: UpdateVmRequest): Details {
  const flags = { dryRun: dryRun === true, now: now === true, allowDowngrade: allowDowngrade === true };
  return { ...flags, ...(modulePath !== undefined && { module: modulePath }) };
}

export const MACHINE_PROCEDURES = {
  listVms: { act: async (parts, { caller }) => visibleVms(parts, caller) },
  addVm,
  showVm: one(async (parts, call) => shownVm(parts, call.caller, parts.machines.view(param(call, 'name')))),
  setVm: one(({ machines }, call) => machines.set(param(call, 'name'), call.body as SetVmRequest)),
  removeVm: one(async ({ machines }, call) => {
    await machines.remove(param(call, 'name'));
    return {};
  }),
  updateVm,
  rotateVm: {
    ...one(({ keys }, call) => keys.rotateVm(param(call, 'name'))),
    outcome: (result) => ({ ...(result as VmKeyView) }),
  },
  rotateKey: {
    outcome: (result) => {
      const { from, to, machines } = result as KeyRotationView;
      return { from, to, told: machines.filter(({ state }) => state === 'told').length };
    },
    act: ({ keys }) => keys.rotateOwn(),
  },
  discoverVms: { act: ({ discovery }, { body }) => discovery.look(body as DiscoverRequest) },
  pairVm: one(({ machines }, call) => machines.pair(param(call, 'name'), call.body as PairRequest)),
} satisfies Record<string, Procedure>;

/** About the machine that the path names. */
function one(act: Procedure['act']): Procedure {
  return { subject: (_parts, call) => `vm:${param(call, 'name')}`, act };
}

/** The machines that the caller may see. */
export function visibleVms(parts: ServiceParts, caller: Caller): VmView[] {
  return parts.machines
    .views()
    .filter(({ name }) => may(parts, caller, 'vm.read', name))
    .map((vm) => shownVm(parts, caller, vm));
}

/** Arguments of a command may hold secrets: only who may change the machine sees them. */
export function shownVm(parts: ServiceParts, caller: Caller, vm: VmView): VmView {
  const { endpoint } = vm;
  if ((endpoint.kind !== 'exec' && endpoint.kind !== 'ssh') || may(parts, caller, 'vm.change', vm.name))
    return vm;
  if (endpoint.kind === 'exec')
    return { ...vm, endpoint: { ...endpoint, argv: [...endpoint.argv.slice(0, 1), '…'] } };
  const { options: _, identity: __, ...shown } = endpoint;
  return { ...vm, endpoint: shown };
}

/** Whether the caller may look at the machine. */
export function maySeeVm(parts: Pick<ServiceParts, 'clock'>, caller: Caller, vm: string): boolean {
  return may(parts, caller, 'vm.read', vm);
}

function may(parts: Pick<ServiceParts, 'clock'>, caller: Caller, action: Action, vm: string): boolean {
  const now = { nowMs: parts.clock.wallMs(), address: caller.address };
  return decide(caller.principal, action, [{ kind: 'vm', vm }], now).allowed;
}

function localActions({ endpoint }: AddVmRequest): Action[] {
  return endpoint.kind === 'tcp' || endpoint.kind === 'listen' ? [] : ['vm.add-local'];
}

/** Of a command its name only: its arguments may hold secrets. */
function endpointDetails({ endpoint, trustCarrier }: AddVmRequest): Record<string, string | boolean> {
  const place = placeOf(endpoint).slice(0, 4_096);
  return { kind: endpoint.kind, place, trustCarrier: trustCarrier === true };
}

function placeOf(endpoint: VmEndpoint): string {
  switch (endpoint.kind) {
    case 'tcp':
      return `${endpoint.host}:${endpoint.port}`;
    case 'ssh':
      return sshText(endpoint);
    case 'exec':
      return endpoint.argv[0] ?? '';
    case 'listen':
      return '';
    default:
      return endpoint.path;
  }
}
