/** Digests by `node:crypto`, which Bun and Deno both have. */

import { createHash, createHmac } from "node:crypto";
import type { Digests } from "./runtime.ts";

const names = { "SHA-256": "sha256", "SHA-512": "sha512" } as const;

export const nodeDigests: Digests = {
  hash: (name, data) => new Uint8Array(createHash(names[name]).update(data).digest()),
  hmac: (name, key, data) => new Uint8Array(createHmac(names[name], key).update(data).digest()),
};
