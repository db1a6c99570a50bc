import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import { diskError } from './disk_errors.ts';

const TABLE = [
  ['ENOENT', 'CW_DISK_NOT_FOUND'],
  ['EEXIST', 'CW_DISK_EXISTS'],
  ['EACCES', 'CW_DISK_PERMISSION'],
  ['EPERM', 'CW_DISK_PERMISSION'],
  ['EROFS', 'CW_DISK_READ_ONLY'],
  ['ENOSPC', 'CW_DISK_FULL'],
  ['EDQUOT', 'CW_DISK_QUOTA'],
  ['EIO', 'CW_DISK_IO'],
  ['ENOTDIR', 'CW_DISK_NOT_DIRECTORY'],
  ['EISDIR', 'CW_DISK_IS_DIRECTORY'],
  ['ENOTEMPTY', 'CW_DISK_NOT_EMPTY'],
  ['ELOOP', 'CW_DISK_SYMLINK'],
  ['EXDEV', 'CW_DISK_CROSS_DEVICE'],
  ['ENAMETOOLONG', 'CW_DISK_NAME'],
  ['EMFILE', 'CW_DISK_TOO_MANY_OPEN'],
  ['EFBIG', 'CW_DISK_FILE_TOO_LARGE'],
  ['EBUSY', 'CW_DISK_BUSY'],
  ['EOPNOTSUPP', 'CW_UNSUPPORTED'],
  ['ESOMETHINGNEW', 'CW_DISK_IO'],
] as const;

for (const [errno, code] of TABLE) {
  test(`${errno} is ${code}, with the operation and the path in the message`, () => {
    const error = diskError('create', '/srv/a', Object.assign(new Error('x'), { code: errno }));
    assert.equal(error.code, code);
    assert.match(error.message, /^cannot create \/srv\/a: /);
    assert.ok(error.message.includes(errno));
  });
}

test('EINVAL means a refused name only where a name is given', () => {
  const thrown = Object.assign(new Error('x'), { code: 'EINVAL' });
  assert.equal(diskError('create', '/a', thrown).code, 'CW_DISK_NAME');
  assert.equal(diskError('read', '/a', thrown).code, 'CW_DISK_IO');
});

test('a rename names both places, and a CausewayError passes through', () => {
  const thrown = Object.assign(new Error('x'), { code: 'EXDEV' });
  assert.match(diskError('rename to /b/y', '/a/x', thrown).message, /^cannot rename \/a\/x to \/b\/y: /);
  const own = new CausewayError('CW_DISK_SYMLINK', 'swapped');
  assert.equal(diskError('read', '/a', own), own);
});

test('an error of the system that Node has no name for is told by its own', {
  skip: process.platform !== 'linux',
}, () => {
  const thrown = Object.assign(new Error('x'), { code: 'Unknown system error -122', errno: -122 });
  const error = diskError('write', '/a', thrown);
  assert.equal(error.code, 'CW_DISK_QUOTA');
  assert.match(error.message, /the quota is used up \(EDQUOT\)/);
});
