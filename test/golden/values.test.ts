import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { CausewayError } from '../../src/base/errors.ts';
import type { PathPlace } from '../../src/base/path_place.ts';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/wire/cbor.ts';
import {
  decodeCopyOpening,
  decodeLaneOpening,
  decodeSinkMessage,
  decodeSourceMessage,
  encodeCopyMessage,
  encodeCopyOpening,
  encodeLaneOpening,
} from '../../src/wire/copy_messages.ts';
import type { CopyOpening, LaneOpening, SourceMessage } from '../../src/wire/copy_types.ts';
import {
  type FolderPage,
  type FolderRequest,
  folderParams,
  folderResult,
  placesParams,
  placesResult,
  readFolderParams,
  readFolderResult,
  readPlacesParams,
  readPlacesResult,
} from '../../src/wire/folder_messages.ts';
import { type DetourMark, decodeDetourMark, encodeDetourMark } from '../../src/wire/mount_detour.ts';
import {
  decodeMountHello,
  decodeMountOpening,
  decodeMountReady,
  encodeMountHello,
  encodeMountOpening,
  encodeMountReady,
  type MountHello,
  type MountOpening,
  type MountReady,
} from '../../src/wire/mount_messages.ts';
import { decodeReason, encodeReason } from '../../src/wire/reason.ts';
import { encodeToken, type PairingToken, parseToken } from '../../src/wire/token.ts';
import { type Invalid, loadVectors, plain, untag, type Valid, type VectorFile } from './vectors.ts';

interface Layout {
  readonly encode: (value: unknown) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const COPY_LAYOUTS: Readonly<Record<string, Layout>> = {
  opening: { encode: (value) => encodeCopyOpening(value as CopyOpening), decode: decodeCopyOpening },
  laneOpening: { encode: (value) => encodeLaneOpening(value as LaneOpening), decode: decodeLaneOpening },
  source: { encode: (value) => encodeCopyMessage(value as SourceMessage), decode: decodeSourceMessage },
  sink: { encode: (value) => encodeCopyMessage(value as SourceMessage), decode: decodeSinkMessage },
};

const MOUNT_LAYOUTS: Readonly<Record<string, Layout>> = {
  opening: { encode: (value) => encodeMountOpening(value as MountOpening), decode: decodeMountOpening },
  hello: { encode: (value) => encodeMountHello(value as MountHello), decode: decodeMountHello },
  ready: { encode: (value) => encodeMountReady(value as MountReady), decode: decodeMountReady },
  detour: { encode: (value) => encodeDetourMark(value as DetourMark), decode: decodeDetourMark },
};

const FOLDER_LAYOUTS: Readonly<Record<string, Layout>> = {
  request: {
    encode: (value) => encodeCbor(folderParams(value as FolderRequest)),
    decode: (bytes) => readFolderParams(decodeCbor(bytes) as CborMap),
  },
  page: {
    encode: (value) => encodeCbor(folderResult(value as FolderPage)),
    decode: (bytes) => readFolderResult(decodeCbor(bytes) as CborMap),
  },
};

const PLACES_LAYOUTS: Readonly<Record<string, Layout>> = {
  paths: {
    encode: (value) => encodeCbor(placesParams(value as string[])),
    decode: (bytes) => readPlacesParams(decodeCbor(bytes) as CborMap),
  },
  places: {
    encode: (value) => encodeCbor(placesResult(value as PathPlace[])),
    decode: (bytes) => readPlacesResult(decodeCbor(bytes) as CborMap),
  },
};

const CBOR: Layout = { encode: (value) => encodeCbor(value as CborValue), decode: decodeCbor };

const REASON: Layout = {
  encode: (value) => {
    const { code, message } = value as { code: 'CW_CANCELLED'; message: string };
    return encodeReason(new CausewayError(code, message));
  },
  decode: (bytes) => {
    const { code, message } = decodeReason(bytes, 'CW_LINK_CLOSED');
    return { code, message };
  },
};

function bothDirections<L extends { layout?: string }>(file: string, layoutOf: (vector: L) => Layout): void {
  const vectors = loadVectors<VectorFile<Valid & L, Invalid & L>>(file);
  describe(vectors.about, () => {
    for (const vector of vectors.valid) {
      it(vector.name, () => {
        const { encode, decode } = layoutOf(vector);
        const value = untag(vector.value);
        assert.equal(toHex(encode(value)), vector.hex);
        assert.deepEqual(plain(decode(fromHex(vector.hex))), value);
      });
    }
    for (const vector of vectors.invalid) {
      it(`refuses: ${vector.name}`, () => {
        const { decode } = layoutOf(vector);
        assert.throws(() => decode(fromHex(vector.hex)), { name: 'CausewayError', code: vector.code });
      });
    }
  });
}

bothDirections('cbor', () => CBOR);
bothDirections('reason', () => REASON);
bothDirections<{ layout: string }>('mount_messages', ({ layout }) => MOUNT_LAYOUTS[layout] as Layout);
bothDirections<{ layout: string }>(
  'folder_messages',
  ({ layout }) => ({ ...FOLDER_LAYOUTS, ...PLACES_LAYOUTS })[layout] as Layout,
);
bothDirections<{ layout: string }>('copy_messages', ({ layout }) => COPY_LAYOUTS[layout] as Layout);

describe('Pairing tokens', () => {
  const { valid, invalid } = loadVectors<{
    valid: readonly { name: string; value: unknown; text: string }[];
    invalid: readonly { name: string; text: string; code: string }[];
  }>('token');
  for (const { name, value, text } of valid) {
    it(name, () => {
      assert.equal(encodeToken(untag(value) as PairingToken), text);
      assert.deepEqual(parseToken(text), untag(value));
    });
  }
  for (const { name, text, code } of invalid) {
    it(`refuses: ${name}`, () => {
      assert.throws(() => parseToken(text), { name: 'CausewayError', code });
    });
  }
});
