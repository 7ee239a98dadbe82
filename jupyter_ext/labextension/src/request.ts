import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** What the service, or the server between, refused: a sentence for people and a code for us. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null
  ) {
    super(message);
  }
}

/** Call a route of our server extension, `path` below `/mixpeek`. */
export async function request<T>(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit = {}
): Promise<T> {
  const address = URLExt.join(settings.baseUrl, 'mixpeek', path);
  const response = await ServerConnection.makeRequest(address, init, settings);
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    const error = body?.error;
    throw new RefusedError(
      response.status,
      error?.code ?? 'unknown',
      error?.message ?? body?.message ?? response.statusText,
      error?.hint ?? null
    );
  }
  return body as T;
}

export function post(body?: unknown): RequestInit {
  return body === undefined
    ? { method: 'POST' }
    : { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
}

/** What an error tells a person. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
