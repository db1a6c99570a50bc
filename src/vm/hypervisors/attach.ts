import { asCausewayError, type CausewayError } from '../../base/errors.ts';
import { channelXml, type Domain } from './domain_xml.ts';
import { CHANNEL_NAME, type FoundChannel, ownChannel } from './found.ts';
import type { Libvirt } from './libvirt.ts';

/** How a channel gets into a domain, or out of it. */
export interface ChannelPlan {
  readonly domain: string;
  readonly uuid: string;
  readonly channel: { readonly name: string; readonly path: string };
  /** The device; null where nothing is to be done. */
  readonly xml: string | null;
  /** Where it is changed: in what is started next, and in what runs now. Each is a call of virsh of its own. */
  readonly changes: readonly ('config' | 'live')[];
}

/** Where QEMU makes the socket, which has to be able to write there; at most 107 bytes. */
export type SocketPath = (uuid: string) => string;

/** Looks what has to be done for that domain to have a channel. CW_LIBVIRT*. */
export async function planAttach(
  libvirt: Libvirt,
  named: string,
  socketPath: SocketPath,
): Promise<ChannelPlan> {
  const domain = await libvirt.domain(named);
  const isPersistent = await libvirt.isPersistent(domain.uuid);
  const stored = isPersistent ? await libvirt.domain(domain.uuid, false, true) : null;
  const isThere = (one: Domain | null): FoundChannel | null => (one === null ? null : ownChannel(one));
  const running = domain.isActive ? isThere(domain) : null;
  const known = running ?? isThere(stored);
  const channel = {
    name: known?.name ?? CHANNEL_NAME,
    path: known?.path ?? socketPath(domain.uuid),
  };
  const changes: ('config' | 'live')[] = [];
  if (isPersistent && isThere(stored) === null) changes.push('config');
  if (domain.isActive && running === null) changes.push('live');
  const xml = changes.length === 0 ? null : channelXml(channel.name, channel.path);
  return { domain: domain.name, uuid: domain.uuid, channel, xml, changes };
}

/** The domain that has a channel on that socket; null where none has. */
export async function planDetach(libvirt: Libvirt, path: string): Promise<ChannelPlan | null> {
  const found = (await libvirt.list()).find(({ channels }) => channels.some((one) => one.path === path));
  if (found?.uuid == null) return null;
  const domain = await libvirt.domain(found.uuid);
  const channel = found.channels.find((one) => one.path === path);
  const name = channel?.name ?? CHANNEL_NAME;
  const isStored = (await libvirt.isPersistent(domain.uuid)) && (await hasPath(libvirt, domain.uuid, path));
  const changes = [
    ...(isStored ? (['config'] as const) : []),
    ...(domain.isActive ? (['live'] as const) : []),
  ];
  const plan = { domain: domain.name, uuid: domain.uuid, channel: { name, path }, changes };
  return { ...plan, xml: channelXml(name, path) };
}

async function hasPath(libvirt: Libvirt, uuid: string, path: string): Promise<boolean> {
  const { channels } = await libvirt.domain(uuid, false, true);
  return channels.some((one) => one.path === path);
}

/** The words for virsh of each change; `file` has the XML. */
export function wordsOf(
  plan: ChannelPlan,
  verb: 'attach-device' | 'detach-device',
  file: string,
): string[][] {
  return plan.changes.map((where) => [verb, '--domain', plan.uuid, '--file', file, `--${where}`]);
}

/**
 * Does what the plan says. Why a domain that runs does not take (or give) it before it is started anew; null where all is
 * done. CW_LIBVIRT* where nothing could be done.
 */
export async function carryOut(
  libvirt: Libvirt,
  plan: ChannelPlan,
  { verb, file }: { verb: 'attach-device' | 'detach-device'; file: string },
): Promise<CausewayError | null> {
  for (const words of wordsOf(plan, verb, file))
    try {
      await libvirt.virsh(words);
    } catch (failure) {
      const isLate = words.at(-1) === '--live' && plan.changes.includes('config');
      if (!isLate) throw failure;
      return asCausewayError(failure);
    }
  return null;
}
