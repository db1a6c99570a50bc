/** What to do with each kind of event; its data are parsed JSON. */
export type EventHandlers = Readonly<Record<string, (data: unknown) => void>>;

/**
 * Listens to server-sent events. The browser connects again by itself, and asks for what came after the last event that it
 * got. `onOpen` tells whether the stream is open. Gives what ends it.
 */
export function listen(path: string, handlers: EventHandlers, onOpen: (open: boolean) => void): () => void {
  const source = new EventSource(path);
  source.onopen = () => onOpen(true);
  source.onerror = () => onOpen(false);
  for (const [kind, handle] of Object.entries(handlers))
    source.addEventListener(kind, (event) => handle(JSON.parse((event as MessageEvent<string>).data)));
  return () => {
    source.close();
    onOpen(false);
  };
}
