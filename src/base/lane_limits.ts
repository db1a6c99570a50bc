import { bytes, count, MIB, ms } from './limit.ts';

/** Limits of connections of lanes: a part of LIMITS. */
export const LANE_LIMITS = {
  laneDirectAfterBytes: bytes(
    16 * MIB,
    'what a lane sends over the link, fast, before it gets a connection of its own',
  ),
  laneDirectMinBytesPerSecond: bytes(
    24 * MIB,
    'a lane that is slower stays on the link, which shares out by class and weight',
  ),
  laneUnackedMaxBytes: bytes(
    6 * MIB,
    'what a lane with a connection of its own sends ahead of the other side',
  ),
  patchRunMax: count(
    16,
    'chunks of a file in a row that are put together from an earlier version in one go; little of them travels',
  ),
  chunkRunMax: count(
    4,
    'chunks of a file in a row that are read, handed to a lane, taken from it or written in one go: each go wakes threads',
  ),
  laneAckBytes: bytes(3 * MIB, 'after how many bytes the other side says that it has them'),
  laneDeadAfterMs: ms(20_000, 'how long the connection of a lane may be dead before it counts as cut'),
  laneThreadsIdleMax: count(8, 'threads for connections of lanes that wait for their next one'),
  laneTicketsMax: count(64, 'lanes that may be waited for by one listener at a time'),
};
