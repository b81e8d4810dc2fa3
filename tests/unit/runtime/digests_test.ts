import { describe, expect, test } from "bun:test";
import { worlds } from "./worlds.ts";

const text = (value: string) => new TextEncoder().encode(value);
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

for (const { name, runtime: { digests } } of worlds) {
  describe(`digests of ${name}`, () => {
    test("are those of FIPS 180-4", () => {
      expect(hex(digests.hash("SHA-256", text("abc")))).toBe(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      );
      expect(hex(digests.hash("SHA-512", text("abc")))).toBe(
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      );
    });

    test("with a key are those of RFC 4231, case 2", () => {
      const data = text("what do ya want for nothing?");
      expect(hex(digests.hmac("SHA-256", text("Jefe"), data))).toBe(
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      );
      expect(hex(digests.hmac("SHA-512", text("Jefe"), data))).toBe(
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
          "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
      );
    });
  });
}
