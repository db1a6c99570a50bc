import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { FarMade } from './far_made.ts';
import { FOLDER_ATTRS_BYTES, FOLDER_NOTE_BYTES, FOLDER_TOLD } from './folder_notes.ts';
import { ERRNO, IN_HEADER_BYTES, NOTICE_FOLDER, OP, OUT_HEADER_BYTES } from './protocol.ts';

const FOLDER = 40n;
const OTHER = 41n;

/** A request of a kernel: what comes before its names, then these. */
function request(opcode: number, node: bigint, headBytes: number, names: readonly string[], to = 0n) {
  const text = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
  const bytes = new Uint8Array(IN_HEADER_BYTES + headBytes + text.length);
  bytes.set(text, IN_HEADER_BYTES + headBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.byteLength, true);
  view.setUint32(4, opcode, true);
  view.setBigUint64(8, 7n, true);
  view.setBigUint64(16, node, true);
  if (headBytes >= 8) view.setBigUint64(IN_HEADER_BYTES, to, true);
  return { bytes, view, opcode, unique: 7n };
}

function note(node: bigint, told: number): [Uint8Array, DataView] {
  const isAttrs = told === FOLDER_TOLD.attrs;
  const bytes = new Uint8Array(isAttrs ? FOLDER_ATTRS_BYTES : FOLDER_NOTE_BYTES).fill(isAttrs ? 9 : 0);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.byteLength, true);
  view.setInt32(4, NOTICE_FOLDER, true);
  view.setBigUint64(8, 0n, true);
  view.setBigUint64(OUT_HEADER_BYTES, node, true);
  view.setUint32(OUT_HEADER_BYTES + 8, told, true);
  return [bytes, view];
}

/** A mount that has just made a folder. */
function fresh() {
  let nowMs = 0;
  const made = new FarMade({ monotonicMs: () => nowMs });
  const answer = new DataView(new ArrayBuffer(OUT_HEADER_BYTES + 128));
  answer.setBigUint64(OUT_HEADER_BYTES, FOLDER, true);
  made.told(OP.mkdir, answer);
  const later = (ms: number) => {
    nowMs += ms;
  };
  const isKnownMissing = (name: string, folder = FOLDER) => {
    const known = made.passing(request(OP.lookup, folder, 0, [name]));
    if (known !== null) assert.equal(new DataView(known.buffer).getInt32(4, true), -ERRNO.ENOENT);
    return known !== null;
  };
  const hasAttrs = (folder = FOLDER, flags = 0n) =>
    made.passing(request(OP.getattr, folder, 16, [], flags)) !== null;
  return { made, later, isKnownMissing, hasAttrs };
}

describe('what a mount knows of a folder that it has made', () => {
  it('is that no name is there but those that it has asked to be made, and only once it was told so', () => {
    const { made, isKnownMissing } = fresh();
    assert.ok(made.note(...note(FOLDER, FOLDER_TOLD.isEmpty)));
    assert.ok(isKnownMissing('a'));
    assert.ok(!isKnownMissing('a', OTHER));
    made.passing(request(OP.create, FOLDER, 16, ['a']));
    made.passing(request(OP.mkdir, FOLDER, 8, ['b']));
    made.passing(request(OP.symlink, FOLDER, 0, ['c', 'target']));
    made.passing(request(OP.rename2, OTHER, 16, ['from', 'd'], FOLDER));
    made.passing(request(OP.rename, FOLDER, 8, ['a', 'e'], FOLDER));
    for (const name of ['a', 'b', 'c', 'd', 'e']) assert.ok(!isKnownMissing(name), name);
    assert.ok(isKnownMissing('from'));
    assert.ok(isKnownMissing('target'));
  });

  it('is nothing where something was asked about the folder before that was told, or it was told of another one', () => {
    const asked = fresh();
    asked.made.passing(request(OP.create, FOLDER, 16, ['a']));
    asked.made.note(...note(FOLDER, FOLDER_TOLD.isEmpty));
    assert.ok(!asked.isKnownMissing('b'));
    const other = fresh();
    other.made.note(...note(OTHER, FOLDER_TOLD.isEmpty));
    assert.ok(!other.isKnownMissing('b', OTHER));
  });

  for (const [what, ends] of [
    ['others change the folder', (made: FarMade) => made.changed(FOLDER)],
    ['nobody tells of changes', (made: FarMade) => made.reset()],
    ['the kernel forgets it', (made: FarMade) => made.passing(request(OP.forget, FOLDER, 8, []))],
  ] as const)
    it(`is over once ${what}`, () => {
      const { made, isKnownMissing, hasAttrs } = fresh();
      made.note(...note(FOLDER, FOLDER_TOLD.isEmpty));
      made.note(...note(FOLDER, FOLDER_TOLD.attrs));
      assert.ok(isKnownMissing('b') && hasAttrs());
      ends(made);
      assert.ok(!isKnownMissing('b') && !hasAttrs());
    });

  it('are its attributes, for a moment, until the mount itself changes them', () => {
    const { made, later, hasAttrs } = fresh();
    const tell = () => made.note(...note(FOLDER, FOLDER_TOLD.attrs));
    tell();
    assert.ok(hasAttrs() && !hasAttrs(OTHER) && !hasAttrs(FOLDER, 1n));
    for (const [opcode, headBytes, names] of [
      [OP.create, 16, ['x']],
      [OP.unlink, 0, ['x']],
      [OP.setattr, 88, []],
    ] as const) {
      tell();
      made.passing(request(opcode, FOLDER, headBytes, names));
      assert.ok(!hasAttrs(), String(opcode));
    }
    tell();
    made.passing(request(OP.rename, OTHER, 8, ['x', 'y'], FOLDER));
    assert.ok(!hasAttrs());
    tell();
    later(LIMITS.mountFolderNoteMs.value);
    assert.ok(hasAttrs());
    later(1);
    assert.ok(!hasAttrs());
  });

  it('is kept of so many folders and names only', () => {
    const { made } = fresh();
    const answer = new DataView(new ArrayBuffer(OUT_HEADER_BYTES + 128));
    for (let folder = 0; folder < LIMITS.mountMadeFoldersMax.value + 10; folder += 1) {
      answer.setBigUint64(OUT_HEADER_BYTES, 100n + BigInt(folder), true);
      made.told(OP.mkdir, answer);
      made.note(...note(100n + BigInt(folder), FOLDER_TOLD.isEmpty));
    }
    assert.equal(made.folders, LIMITS.mountMadeFoldersMax.value);
    const last = 100n + BigInt(LIMITS.mountMadeFoldersMax.value + 9);
    for (let name = 0; name <= LIMITS.mountMadeNamesMax.value; name += 1)
      made.passing(request(OP.create, last, 16, [`${name}`]));
    assert.equal(made.folders < LIMITS.mountMadeFoldersMax.value, true);
  });
});
