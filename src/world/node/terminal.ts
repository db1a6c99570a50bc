/** The process's own terminal. See `Terminal` of the command line for the members. */
export function processTerminal() {
  const controller = new AbortController();
  let count = 0;
  // Whoever reads our output may stop reading, as `head` does: that ends the command, and is no failure to report.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (failure: NodeJS.ErrnoException) => {
      if (failure.code === 'EPIPE') process.exit(0);
      throw failure;
    });
  }
  const onSignal = () => {
    count += 1;
    if (count > 1) process.exit(130);
    controller.abort();
  };
  return {
    out: (text: string) => void process.stdout.write(text),
    err: (text: string) => void process.stderr.write(text),
    isTty: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 80,
    colour: process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined,
    cwd: process.cwd(),
    env: process.env,
    onHangup: (listener: () => void) => void process.on('SIGHUP', listener),
    /** Handlers are installed on first use: a command that does not ask keeps the usual Ctrl-C. */
    get interrupted(): AbortSignal {
      if (process.listenerCount('SIGINT', onSignal) === 0) {
        process.on('SIGINT', onSignal);
        process.on('SIGTERM', onSignal);
      }
      return controller.signal;
    },
  };
}

/** Tells whoever started this process that it serves, on the descriptor that was passed for it. */
export async function tellReady(descriptor: number, line: string): Promise<void> {
  const { writeSync, closeSync } = await import('node:fs');
  writeSync(descriptor, `${line}\n`);
  if (descriptor > 2) closeSync(descriptor);
}
