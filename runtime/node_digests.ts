/** Digests by `node:crypto`, which Bun and Deno both have. It is loaded when first needed: it takes some 4 ms of a start. */

import type * as Crypto from "node:crypto";
import type { Digests } from "./runtime.ts";

const names = { "SHA-256": "sha256", "SHA-512": "sha512" } as const;

export const nodeDigests: Digests = {
  hash: (name, data) => new Uint8Array(crypto().createHash(names[name]).update(data).digest()),
  hmac: (name, key, data) => new Uint8Array(crypto().createHmac(names[name], key).update(data).digest()),
};

interface Host {
  readonly process: { getBuiltinModule(name: "node:crypto"): typeof Crypto };
}

const crypto = () => (globalThis as unknown as Host).process.getBuiltinModule("node:crypto");
