/** Small things that every adapter's sockets need. */

import { NetworkError } from "./runtime.ts";

/** How long a socket that said goodbye waits for the peer to do so too. */
export const LINGER_MS = 2_000;

export function addressOf(options: { readonly hostname: string; readonly port: number }): string {
  const { hostname, port } = options;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

export function networkError(action: string, cause: unknown): NetworkError {
  if (cause instanceof NetworkError) return cause;
  const { code, message } = cause as { code?: unknown; message?: unknown };
  // Deno has no code for a name that does not resolve; Bun has ENOTFOUND.
  const isNameUnknown = code === undefined && String(message).startsWith("failed to lookup address");
  return new NetworkError(
    `Cannot ${action}: ${String(message ?? cause)}`,
    typeof code === "string" ? code : isNameUnknown ? "ENOTFOUND" : "UNKNOWN",
    {
      cause,
    },
  );
}

/** A handler threw: a bug of ours. It must end the process, wherever the runtime would have swallowed it. */
export function reportBug(bug: unknown): void {
  queueMicrotask(() => {
    throw bug;
  });
}
