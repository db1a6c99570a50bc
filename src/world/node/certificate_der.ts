/** What a self-signed certificate says. */
export interface CertificateFields {
  /** At most 20 bytes; the first bit is cleared so that the number is positive. */
  readonly serial: Uint8Array;
  /** Cut to the 64 characters that X.520 allows. */
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyInfo: Uint8Array;
  /** Signature of the bytes given, of the kind that `algorithm` names. */
  sign(body: Uint8Array): Uint8Array;
  /** Default Ed25519. */
  readonly algorithm?: SignatureAlgorithm;
  /** Makes it the certificate of a web server with these names; absent: without extensions. */
  readonly server?: ServerNames;
}

/** `ecdsa` is ECDSA over P-256 with SHA-256 (RFC 5758), which browsers take where they do not take Ed25519. */
export type SignatureAlgorithm = 'ed25519' | 'ecdsa';

/** What a server is called, for subjectAltName. */
export interface ServerNames {
  readonly dnsNames: readonly string[];
  /** 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[];
}

const COMMON_NAME_MAX_CHARACTERS = 64;

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;
/** GeneralName choices of RFC 5280 section 4.2.1.6. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** One DER element: tag, length in the shortest form, contents (X.690). */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  if (body.length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, body.length]), body]);
  return Buffer.concat([Buffer.from([tag, 0x82, body.length >> 8, body.length & 0xff]), body]);
}

/** 1.3.101.112, id-Ed25519 (RFC 8410); it has no parameters. */
const ED25519 = der(SEQUENCE, der(OBJECT_ID, Buffer.from([0x2b, 0x65, 0x70])));
/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256 (RFC 5758); it has no parameters. */
const ECDSA = der(SEQUENCE, der(OBJECT_ID, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));
/** 2.5.4.3, commonName. */
const COMMON_NAME = der(OBJECT_ID, Buffer.from([0x55, 0x04, 0x03]));
const VERSION_3 = der(EXPLICIT_0, der(INTEGER, Buffer.from([2])));

/** RFC 5280 section 4.1.2.5: UTCTime before 2050, GeneralizedTime from then on. */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  if (date.getUTCFullYear() >= 2050) return der(GENERALIZED_TIME, Buffer.from(digits));
  return der(UTC_TIME, Buffer.from(digits.slice(2)));
}

function positiveInteger(bytes: Uint8Array): Buffer {
  const value = Buffer.from(bytes);
  value[0] = ((value[0] ?? 0) & 0x7f) | 0x40; // positive, and no leading zero byte to strip
  return der(INTEGER, value);
}

/** One extension of RFC 5280 section 4.2, by the last two numbers of its id 2.5.29.N. */
function extension(number: number, isCritical: boolean, value: Uint8Array): Buffer {
  const critical = isCritical ? [der(BOOLEAN, Buffer.from([0xff]))] : [];
  return der(
    SEQUENCE,
    der(OBJECT_ID, Buffer.from([0x55, 0x1d, number])),
    ...critical,
    der(OCTET_STRING, value),
  );
}

/** No CA, for signatures of TLS servers, with its names. */
function serverExtensions({ dnsNames, addresses }: ServerNames): Buffer {
  const serverAuth = der(OBJECT_ID, Buffer.from([0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]));
  const names = [
    ...dnsNames.map((name) => der(DNS_NAME, Buffer.from(name, 'ascii'))),
    ...addresses.map((address) => der(IP_ADDRESS, address)),
  ];
  const extensions = der(
    SEQUENCE,
    extension(0x13, true, der(SEQUENCE)), // basicConstraints: cA is false
    extension(0x0f, true, der(BIT_STRING, Buffer.from([7, 0x80]))), // keyUsage: digitalSignature
    extension(0x25, false, der(SEQUENCE, serverAuth)), // extKeyUsage
    extension(0x11, false, der(SEQUENCE, ...names)), // subjectAltName
  );
  return der(EXPLICIT_3, extensions);
}

/** A self-signed X.509 version 3 certificate in DER: it is compared by fingerprint, not by a chain (RFC 5280, RFC 8410). */
export function encodeCertificate(fields: CertificateFields): Uint8Array {
  const algorithm = fields.algorithm === 'ecdsa' ? ECDSA : ED25519;
  const commonName = [...fields.commonName].slice(0, COMMON_NAME_MAX_CHARACTERS).join('');
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(commonName)))));
  const validity = der(SEQUENCE, time(fields.notBefore), time(fields.notAfter));
  const body = der(
    SEQUENCE,
    VERSION_3,
    positiveInteger(fields.serial),
    algorithm,
    name,
    validity,
    name,
    fields.publicKeyInfo,
    ...(fields.server ? [serverExtensions(fields.server)] : []),
  );
  const signature = der(BIT_STRING, Buffer.from([0]), fields.sign(body));
  return new Uint8Array(der(SEQUENCE, body, algorithm, signature));
}
