import type { HttpAnswer } from './http.ts';

export interface BytesRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly blob: Blob;
  readonly signal: AbortSignal;
  /** How many bytes have left so far. */
  readonly onProgress: (sentBytes: number) => void;
}

/** Sends bytes with PUT, as long as it takes; `fetch` would not tell how far it is. Rejects where nothing answers, and when aborted. */
export function sendBytes({ path, headers, blob, signal, onProgress }: BytesRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', path);
    request.setRequestHeader('content-type', 'application/octet-stream');
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    const abort = (): void => request.abort();
    signal.addEventListener('abort', abort);
    const over = (end: () => void) => () => {
      signal.removeEventListener('abort', abort);
      end();
    };
    request.onload = over(() => resolve({ status: request.status, body: jsonOf(request.responseText) }));
    request.onerror = over(() => reject(new Error('nothing answers')));
    request.onabort = over(() => reject(new Error('aborted')));
    if (signal.aborted) reject(new Error('aborted'));
    else request.send(blob);
  });
}

/** The browser asks before it leaves the page. The result ends it. */
export function warnBeforeLeaving(): () => void {
  const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
  addEventListener('beforeunload', warn);
  return () => removeEventListener('beforeunload', warn);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // an answer of something on the way
  }
}
