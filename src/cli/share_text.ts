import { formatBytes } from '../base/units.ts';
import type { ShareView } from '../contract/share_schemas.ts';

export const SHARE_HEAD = ['NAME', 'STATE', 'FOLDER', 'ACCESS', 'USED', 'URL', 'NOTE'] as const;

export function shareRow(share: ShareView): string[] {
  return [
    share.name,
    share.state,
    share.source,
    share.readOnly ? 'read-only' : 'read/write',
    usedText(share),
    share.url ?? '-',
    share.error?.message ?? noteOf(share),
  ];
}

function noteOf({ mount }: ShareView): string {
  if (mount === null) return '';
  return `${mount.vm}:${mount.path} ${mount.error?.message ?? mount.state}`;
}

export function usedText({ quotaBytes, usedBytes }: Pick<ShareView, 'quotaBytes' | 'usedBytes'>): string {
  if (quotaBytes === null) return '-';
  return `${usedBytes === null ? '?' : formatBytes(usedBytes)} of ${formatBytes(quotaBytes)}`;
}

/** How to connect from each system; null where nothing is served. */
export function connectText(share: ShareView): string | null {
  const lines = [...davLines(share), ...smbLines(share)];
  return lines.length === 0 ? null : lines.join('\n');
}

function smbLines({ smb, name, user }: ShareView): string[] {
  if (smb === null || smb.host === null) return [];
  const { host, port } = smb;
  return [
    `By SMB    Windows 11: net use * \\\\${host}\\${name} /user:${user} /tcpport:${port} *`,
    `          macOS: smb://${user}@${host}:${port}/${name}`,
    `          Linux: mount -t cifs //${host}/${name} /mnt -o port=${port},username=${user},vers=3.1.1,seal`,
  ];
}

function davLines({ url, user, name, certificateFingerprint }: ShareView): string[] {
  if (url === null) return [];
  const { host, hostname, port, protocol } = partsOf(url);
  const windows = `\\\\${hostname}${protocol === 'https:' ? '@SSL' : ''}@${port}\\DavWWWRoot\\${name}`;
  const linux = `${protocol === 'https:' ? 'davs' : 'dav'}://${user}@${host}/${name}/`;
  const lines = [
    `Windows   net use * ${windows} /user:${user} *`,
    `macOS     Finder, Go, Connect to Server: ${url}`,
    `GNOME     Files, Other Locations: ${linux}`,
    `Linux     mount -t davfs ${url} /mnt`,
  ];
  if (protocol === 'http:')
    lines.push('Windows takes a password over http only after a change: see docs/shares.md');
  if (certificateFingerprint !== null)
    lines.push(`The certificate is this daemon's own; its SHA-256 is ${certificateFingerprint}`);
  return lines;
}

function partsOf(url: string): { host: string; hostname: string; port: string; protocol: string } {
  const [, protocol = '', host = ''] = /^(https?:)\/\/([^/]+)\//.exec(url) ?? [];
  const cut = host.lastIndexOf(':');
  return { host, hostname: host.slice(0, cut), port: host.slice(cut + 1), protocol };
}
