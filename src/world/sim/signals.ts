/**
 * Node keeps a signal of `AbortSignal.any` that somebody listens to until it is aborted or nobody listens. A process that was
 * killed does neither, so that all that it held would stay in memory. Here the signals that it goes by keep it, and nothing else.
 */
export function letGoOfSignals(): void {
  AbortSignal.any = (signals: Iterable<AbortSignal>): AbortSignal => {
    const sources = [...signals];
    const any = new AbortController();
    const end = ({ reason }: AbortSignal) => {
      for (const source of sources) source.removeEventListener('abort', hear);
      any.abort(reason);
    };
    const hear = ({ target }: Event) => end(target as AbortSignal);
    const over = sources.find(({ aborted }) => aborted);
    if (over !== undefined) end(over);
    // without the option `signal` of addEventListener: that one is kept, too
    else for (const source of sources) source.addEventListener('abort', hear, { once: true });
    return any.signal;
  };
}
