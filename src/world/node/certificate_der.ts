/** What a self-signed Ed25519 certificate says. */
export interface CertificateFields {
  /** At most 20 bytes; the first bit is cleared so that the number is positive. */
  readonly serial: Uint8Array;
  /** Cut to the 64 characters that X.520 allows. */
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyInfo: Uint8Array;
  /** Ed25519 signature of the bytes given. */
  sign(body: Uint8Array): Uint8Array;
}

const COMMON_NAME_MAX_CHARACTERS = 64;

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;

/** One DER element: tag, length in the shortest form, contents (X.690). */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  if (body.length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, body.length]), body]);
  return Buffer.concat([Buffer.from([tag, 0x82, body.length >> 8, body.length & 0xff]), body]);
}

/** 1.3.101.112, id-Ed25519 (RFC 8410); it has no parameters. */
const ED25519 = der(SEQUENCE, der(OBJECT_ID, Buffer.from([0x2b, 0x65, 0x70])));
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

/** A self-signed X.509 version 3 certificate in DER, without extensions: it is compared by fingerprint, not by a chain (RFC 5280, RFC 8410). */
export function encodeCertificate(fields: CertificateFields): Uint8Array {
  const commonName = [...fields.commonName].slice(0, COMMON_NAME_MAX_CHARACTERS).join('');
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(commonName)))));
  const validity = der(SEQUENCE, time(fields.notBefore), time(fields.notAfter));
  const body = der(
    SEQUENCE,
    VERSION_3,
    positiveInteger(fields.serial),
    ED25519,
    name,
    validity,
    name,
    fields.publicKeyInfo,
  );
  const signature = der(BIT_STRING, Buffer.from([0]), fields.sign(body));
  return new Uint8Array(der(SEQUENCE, body, ED25519, signature));
}
