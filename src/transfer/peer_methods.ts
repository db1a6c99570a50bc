import { LIMITS } from '../base/limits.ts';
import type { RpcHandler } from '../link/rpc.ts';
import { TRANSFER_ID_BYTES } from '../wire/copy_messages.ts';
import { bytes, text } from '../wire/fields.ts';
import { UNDO_ID_BYTES } from '../wire/undo_record.ts';
import type { World } from '../world/world.ts';
import type { CopyService } from './copy_service.ts';
import { folderMethod, placesMethod } from './folder_method.ts';
import { reportMap } from './undo/report.ts';

/** What a machine answers besides copies. */
export function peerMethods(world: World, copies: CopyService, buildId: string): Record<string, RpcHandler> {
  return {
    info: async () => {
      const { hostName, platform, userId, pid, homeDirectory } = world.process.info;
      return {
        hostName,
        platform,
        userId,
        pid,
        homeDirectory,
        buildId,
        residentBytes: world.process.usage().residentBytes,
      };
    },
    folder: folderMethod(world),
    places: placesMethod(world),
    discard: async (params) => {
      const transferId = bytes(params, 'transferId', TRANSFER_ID_BYTES);
      const removed = await copies.discard(
        transferId,
        text(params, 'destination', LIMITS.pathMaxBytes.value),
      );
      return { removed };
    },
    undo: async (params) => {
      const report = await copies.undo(
        bytes(params, 'transferId', TRANSFER_ID_BYTES),
        bytes(params, 'undoId', UNDO_ID_BYTES),
        text(params, 'destination', LIMITS.pathMaxBytes.value),
      );
      return report === null ? { found: false } : { found: true, ...reportMap(report) };
    },
  };
}
