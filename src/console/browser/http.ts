export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface HttpAnswer {
  readonly status: number;
  /** Parsed where it is JSON, else null. */
  readonly body: unknown;
}

/** How long an answer may take: the daemon's control never waits for data. */
const ANSWER_TIMEOUT_MS = 30_000;

/** One request to the daemon that served this page. Rejects where nothing answers. */
export async function request({ method, path, headers = {}, body }: HttpRequest): Promise<HttpAnswer> {
  const answer = await fetch(path, {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const isJson = /\bjson\b/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, body: isJson ? await answer.json() : null };
}

/** For a call that is done once, however often it is sent. */
export function newKey(): string {
  return crypto.randomUUID();
}
