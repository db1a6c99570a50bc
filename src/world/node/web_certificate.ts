import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import type { TlsIdentity } from '../net.ts';
import { encodeCertificate } from './certificate_der.ts';
import { fingerprintOf, toPem } from './identities.ts';

export interface WebCertificateRequest {
  /** Names and IP addresses of the server; the first one is its common name. */
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly lifeMs: number;
}

/** Clocks of other machines are often behind. */
const BACKDATED_MS = 24 * 3_600_000;

/** A new P-256 key with a self-signed certificate for a web server: browsers do not take Ed25519. */
export function createWebCertificate({ names, nowMs, lifeMs }: WebCertificateRequest): TlsIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = encodeCertificate({
    serial: randomBytes(16),
    commonName: names[0] ?? 'localhost',
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + lifeMs),
    publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
    sign: (body) => sign('sha256', body, privateKey),
    algorithm: 'ecdsa',
    server: {
      dnsNames: names.filter((name) => isIP(name) === 0 && /^[\w.-]{1,253}$/.test(name)),
      addresses: names.filter((name) => isIP(name) !== 0).map(addressBytes),
    },
  });
  return {
    certificatePem: toPem('CERTIFICATE', der),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: fingerprintOf(der),
  };
}

/** 4 or 16 bytes. An IPv6 address is written out by the URL parser first. */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number));
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail = ''] = plain.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((one) => Number.parseInt(one, 16));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >>> 8, group & 0xff]));
}
