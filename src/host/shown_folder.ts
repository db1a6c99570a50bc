import type { ShowFolder } from '../world/mounts.ts';
import { makeMountPlace, removeMountPlace } from '../world/node/mount_place.ts';
import { LocalMount } from './local_mount.ts';

/** Shows folders by mounts of this process. Others change what is below: nothing is believed for longer than a moment. */
export const showFolder: ShowFolder = async ({ folder, place, ...more }, tell) => {
  makeMountPlace(place);
  const request = { ...more, source: folder, mountpoint: place };
  const mount = await LocalMount.open(
    { ...request, allowOther: true, cacheMs: 0, passthrough: false },
    tell,
  ).catch((failure) => {
    removeMountPlace(place);
    throw failure;
  });
  const ended = mount.ended;
  return {
    ended,
    close: async () => {
      await mount.cut();
      removeMountPlace(place);
    },
  };
};
