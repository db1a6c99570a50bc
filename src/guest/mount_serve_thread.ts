// The module that the thread starts with which serves a folder of this machine to another one.
import { asCausewayError } from '../base/errors.ts';
import { folderThread } from '../world/node/folder_server_data.ts';
import { MountServeThread } from './mount_serve.ts';

try {
  new MountServeThread().run();
} catch (failure) {
  const { code, message } = asCausewayError(failure);
  folderThread().tell({ refused: { code, message } });
}
