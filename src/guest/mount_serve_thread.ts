// The module that the thread starts with which serves a folder of this machine to another one.
import { asCausewayError } from '../base/errors.ts';
import { FarFolder } from '../share/fuse/far_folder.ts';
import { createNodeClock } from '../world/node/clock.ts';
import { syncFile } from '../world/node/file_sync.ts';
import { openFolderEvents } from '../world/node/folder_events.ts';
import { folderThread, leaveFolderThread } from '../world/node/folder_server_data.ts';
import { createPosix } from '../world/node/posix_calls.ts';
import { Slots } from '../world/node/slots.ts';
import { callAfter } from '../world/node/thread_timer.ts';

const { options, tell, onOrder } = folderThread();
try {
  const posix = createPosix(FarFolder.MEMORY_BYTES, true);
  const memory = posix.memory.bytes.buffer as SharedArrayBuffer;
  const [requestStates, answerStates] = [1, 2].map(() => Slots.statesFor(FarFolder.SLOTS)) as [
    SharedArrayBuffer,
    SharedArrayBuffer,
  ];
  const { slotBytes, requestsAt, answersAt } = FarFolder.PLACES;
  const folder = new FarFolder(posix, options, {
    slots: new Slots(answerStates, answersAt, slotBytes),
    answered: (answers, sizeBytes) => tell({ answers, sizeBytes }),
    deed: (deed) => tell({ deed }),
    sync: syncFile,
    after: callAfter,
    nowMs: createNodeClock().monotonicMs,
    openEvents: openFolderEvents,
  });
  tell({ ready: { memory, requestsAt, requestStates, answersAt, answerStates, slotBytes } });
  const end = () => {
    folder.close();
    leaveFolderThread();
  };
  onOrder((order) => {
    if ('end' in order) return end();
    const { slot, sizeBytes } = order;
    const goesOn = folder.serve(requestsAt + slot * slotBytes, sizeBytes);
    tell({ served: slot });
    if (!goesOn) end();
  });
} catch (failure) {
  const { code, message } = asCausewayError(failure);
  tell({ refused: { code, message } });
}
