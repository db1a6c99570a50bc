import type { Dice } from './dice.ts';
import type { FreezeKind } from './disk/port.ts';
import type { FaultSwitch } from './faults.ts';
import type { SimMachine } from './machine.ts';
import type { Network } from './net/network.ts';
import type { Scheduler } from './scheduler.ts';

interface EpisodeContext {
  readonly scheduler: Scheduler;
  readonly faults: FaultSwitch;
}

const WALL_JUMP_MAX_MS = 3_600_000;

/** Calls `begin` at random distances with that mean, until faults stop. 0 means never. */
export function repeat(context: EpisodeContext, dice: Dice, everyMs: number, begin: () => void): void {
  if (everyMs <= 0) return;
  const again = (): void => {
    const background = true;
    context.scheduler.after(
      dice.exponential(everyMs),
      () => {
        if (!context.faults.active) return;
        begin();
        again();
      },
      background,
    );
  };
  again();
}

/** Lets the plan's lasting faults begin and end on a machine: a full disk, frozen operations, a set clock. */
export function afflictMachine(context: EpisodeContext, machine: SimMachine, dice: Dice): void {
  const { disk, process } = context.faults.plan;
  const full = dice.fork('full');
  repeat(context, full, disk.fullEveryMs, () => {
    machine.disk.setFull(true);
    context.scheduler.after(full.unit() * disk.fullMaxMs, () => machine.disk.setFull(false));
  });
  const freezes = dice.fork('freezes');
  repeat(context, freezes, disk.freezeEveryMs, () => {
    const kind = freezes.pick<FreezeKind>(['read', 'write', 'sync']);
    machine.disk.freeze(kind);
    context.scheduler.after(freezes.unit() * disk.freezeMaxMs, () => machine.disk.thaw(kind));
  });
  const jumps = dice.fork('jumps');
  repeat(context, jumps, process.wallJumpEveryMs, () => {
    machine.clock.jump((jumps.unit() - 0.5) * 2 * WALL_JUMP_MAX_MS);
  });
}

/** Lets ways between machines go silent for a while. */
export function afflictNetwork(context: EpisodeContext, network: Network, dice: Dice): void {
  const { halfDeadEveryMs, halfDeadMaxMs } = context.faults.plan.net;
  repeat(context, dice, halfDeadEveryMs, () => {
    const routes = network.usedRoutes;
    if (routes.length === 0) return;
    const route = routes[dice.between(0, routes.length - 1)];
    route?.halfDead();
    context.scheduler.after(dice.unit() * halfDeadMaxMs, () => route?.heal());
  });
}
