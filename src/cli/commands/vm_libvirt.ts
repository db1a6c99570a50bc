import { CausewayError } from '../../base/errors.ts';
import { joinAbsolute, resolveAbsolute } from '../../base/path.ts';
import type { AddVmRequest, VmView } from '../../contract/schemas.ts';
import { type ChannelPlan, carryOut, planAttach, planDetach, wordsOf } from '../../vm/hypervisors/attach.ts';
import { Libvirt, SYSTEM_URI } from '../../vm/hypervisors/libvirt.ts';
import { shellQuote } from '../../vm/ssh/ssh_command.ts';
import { runNodeCommand } from '../../world/node/command.ts';
import { makeDataDirectory } from '../../world/node/data_directory.ts';
import { withTextFile } from '../../world/node/temporary_file.ts';
import type { Context } from '../program.ts';

/** Where the QEMUs of `qemu:///system` may make sockets, whichever user they run as. */
const SYSTEM_FOLDER = '/var/lib/libvirt/qemu';
const SOCKET_MAX_BYTES = 107;
const CHANNELS_FOLDER = 'channels';
const FILE_NAME = 'channel.xml';

type Verb = 'attach-device' | 'detach-device';

/** `causeway vm add NAME --libvirt DOMAIN` */
export async function addByLibvirt(
  context: Context,
  name: string,
  options: Record<string, unknown>,
): Promise<number> {
  const { client, terminal, json } = context;
  for (const other of ['ssh', 'tcp', 'serial', 'unix', 'exec', 'listen', 'token', 'trustCarrier'])
    if (options[other] !== undefined)
      throw new CausewayError('CW_USAGE', '--libvirt goes with --connect, --socket and --dry-run only');
  const libvirt = libvirtOf(context, options);
  const plan = await planAttach(libvirt, String(options['libvirt']), socketOf(context, libvirt, options));
  const request: AddVmRequest = { name, endpoint: { kind: 'serial', path: plan.channel.path } };
  const isDryRun = options['dryRun'] === true;
  if (!json) terminal.out(planText(libvirt, plan, 'attach-device'));
  if (isDryRun) {
    if (json) terminal.out(`${JSON.stringify({ ...plan, isDryRun })}\n`);
    else terminal.out(`then:  causeway vm add ${name} --serial ${shellQuote(plan.channel.path)}\n`);
    return 0;
  }
  const known = await knownAs(context, request);
  const late = await apply(libvirt, plan, 'attach-device');
  const vm = known ?? (await client.call('addVm', {}, request));
  if (json) terminal.out(`${JSON.stringify({ ...vm, plan, needsRestart: late !== null })}\n`);
  else
    terminal.out(
      `${known === null ? 'added' : 'there is'} ${name}. In the machine: causeway-agent run --serial /dev/virtio-ports/${plan.channel.name}\n`,
    );
  if (late !== null)
    terminal.err(
      `${plan.domain} takes the channel when it is shut down and started again: ${late.message}\n`,
    );
  return 0;
}

/** The machine as it was added before. CW_VM_EXISTS where the name, or the channel, is that of another. */
async function knownAs({ client }: Context, { name, endpoint }: AddVmRequest): Promise<VmView | null> {
  const path = endpoint.kind === 'serial' ? endpoint.path : '';
  for (const vm of await client.call('listVms', {})) {
    const isSame = vm.endpoint.kind === 'serial' && vm.endpoint.path === path;
    if (vm.name === name && isSame) return vm;
    if (vm.name === name) throw new CausewayError('CW_VM_EXISTS', `there is another machine ${name} already`);
    if (isSame) throw new CausewayError('CW_VM_EXISTS', `that channel is of the machine ${vm.name} already`);
  }
  return null;
}

/** `causeway vm rm NAME --detach`: takes the channel out of the domain that has it. The machine stays known. */
export async function detachFromDomain(
  context: Context,
  name: string,
  options: Record<string, unknown>,
): Promise<void> {
  const { client, terminal, json } = context;
  const { endpoint } = await client.call('showVm', { name });
  if (endpoint.kind !== 'serial')
    throw new CausewayError(
      'CW_USAGE',
      `${name} is not reached by a port of a virtual machine: there is nothing to detach`,
    );
  const libvirt = libvirtOf(context, options);
  const plan = await planDetach(libvirt, endpoint.path);
  if (plan === null)
    throw new CausewayError(
      'CW_LIBVIRT_DOMAIN',
      `no domain of ${libvirt.uri} has a channel at ${endpoint.path}`,
    );
  if (!json) terminal.out(planText(libvirt, plan, 'detach-device'));
  const late = await apply(libvirt, plan, 'detach-device');
  if (late !== null)
    terminal.err(
      `${plan.domain} keeps the channel until it is shut down and started again: ${late.message}\n`,
    );
}

/** What is left in a domain when its machine is forgotten, and how it goes; null where there is nothing. */
export async function leftInDomain(context: Context, name: string): Promise<string | null> {
  const { endpoint } = await context.client.call('showVm', { name });
  if (endpoint.kind !== 'serial' || !/\/org\.causeway\.[\w-]+\.sock$/.test(endpoint.path)) return null;
  return `the channel stays in the domain; with \`causeway vm rm ${name} --detach\` it would have been taken out\n`;
}

function libvirtOf({ terminal }: Context, options: Record<string, unknown>): Libvirt {
  const uri = options['connect'] === undefined ? SYSTEM_URI : String(options['connect']);
  return new Libvirt(uri, runNodeCommand, terminal.interrupted);
}

function socketOf(
  { dataDirectory, terminal }: Context,
  { uri }: Libvirt,
  options: Record<string, unknown>,
): (uuid: string) => string {
  return (uuid) => {
    const named = options['socket'];
    const path =
      named === undefined
        ? joinAbsolute(folderOf(uri, dataDirectory), `org.causeway.${uuid}.sock`)
        : resolveAbsolute(terminal.cwd, String(named));
    if (new TextEncoder().encode(path).byteLength <= SOCKET_MAX_BYTES) return path;
    throw new CausewayError(
      'CW_USAGE',
      `${path} is too long for a Unix socket: give another place with --socket`,
    );
  };
}

function folderOf(uri: string, dataDirectory: string): string {
  return uri.startsWith(SYSTEM_URI) ? SYSTEM_FOLDER : joinAbsolute(dataDirectory, CHANNELS_FOLDER);
}

async function apply(libvirt: Libvirt, plan: ChannelPlan, verb: Verb): Promise<CausewayError | null> {
  const { xml, channel } = plan;
  if (xml === null) return null;
  const folder = channel.path.slice(0, channel.path.lastIndexOf('/'));
  if (verb === 'attach-device' && folder.endsWith(`/${CHANNELS_FOLDER}`)) makeDataDirectory(folder);
  return withTextFile(FILE_NAME, xml, (file) => carryOut(libvirt, plan, { verb, file }));
}

/** The device and the commands, as they will be. */
function planText(libvirt: Libvirt, plan: ChannelPlan, verb: Verb): string {
  const { xml, domain, channel } = plan;
  if (xml === null) return `${domain} has the channel ${channel.name} at ${channel.path} already\n`;
  const commands = wordsOf(plan, verb, FILE_NAME).map((words) => {
    const text = libvirt
      .argv(words)
      .slice(2)
      .map((word) => (/^[\w./:=-]+$/.test(word) ? word : shellQuote(word)));
    return `run:   ${text.join(' ')}\n`;
  });
  return `${FILE_NAME}, for ${domain}:\n\n${xml}\n${commands.join('')}`;
}
