import { describe, expect, test } from "bun:test";
import { pbkdf2Sync } from "node:crypto";
import { ErrorCode, errorName } from "../../../../protocol/errors.ts";
import { detectRuntime } from "../../../../runtime/detect.ts";
import { CorruptMetadata, MetadataImage } from "../../../../server/cluster/image.ts";
import type { MetadataRecord } from "../../../../server/cluster/records.ts";
import { deriveKeys, keysOf } from "../../../../server/cluster/scram_keys.ts";
import { planScram, type ScramUpsertion } from "../../../../server/cluster/scram_plans.ts";

const { digests } = await detectRuntime();
const keys = (upsertion: ScramUpsertion) => keysOf(upsertion, digests);
const sha256 = 1;
const sha512 = 2;

function upsertion(name: string, more: Partial<ScramUpsertion> = {}): ScramUpsertion {
  const secret = { salt: Uint8Array.of(1, 2), saltedPassword: Uint8Array.of(3) };
  return { name, mechanism: sha256, iterations: 4096, ...secret, ...more };
}

/** Changes the image, and says what became of each user. */
function alter(
  image: MetadataImage,
  deletions: readonly (readonly [name: string, mechanism: number])[],
  upsertions: readonly ScramUpsertion[] = [],
): Record<string, string> {
  const named = deletions.map(([name, mechanism]) => ({ name, mechanism }));
  const { records, outcome } = planScram(image.scram, { deletions: named, upsertions }, keys);
  image.apply(records);
  return Object.fromEntries(
    [...outcome].map(([name, error]) => [name, errorName(error?.code ?? ErrorCode.NONE)]),
  );
}

/** Mechanisms and iterations of each user. */
function kept(image: MetadataImage): Record<string, number[][]> {
  return Object.fromEntries(
    [...image.scram.users()].map((user) => [
      user,
      image.scram.ofUser(user).map(([mechanism, { iterations }]) => [mechanism, iterations]),
    ]),
  );
}

describe("SCRAM credentials", () => {
  test("prove what RFC 7677 says they prove", () => {
    const text = (value: string) => new TextEncoder().encode(value);
    const salt = Uint8Array.from(atob("W22ZaJ0SNY7soEsUEjb6gQ=="), (letter) => letter.charCodeAt(0));
    const saltedPassword = new Uint8Array(pbkdf2Sync("pencil", salt, 4096, 32, "sha256"));
    const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const exchange = text(
      "n=user,r=rOprNGfwEbeRWgbNEkqO," + `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,` + `c=biws,r=${nonce}`,
    );
    const image = new MetadataImage();
    expect(alter(image, [], [upsertion("user", { salt, saltedPassword })])).toEqual({ user: "NONE" });
    const { storedKey, serverKey } = image.scram.of("user", sha256)!;
    const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
    expect(base64(digests.hmac("SHA-256", serverKey, exchange))).toBe("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    const proof = Uint8Array.from(
      atob("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
      (letter) => letter.charCodeAt(0),
    );
    const clientSignature = digests.hmac("SHA-256", storedKey, exchange);
    const clientKey = proof.map((byte, index) => byte ^ clientSignature[index]!);
    expect(digests.hash("SHA-256", clientKey)).toEqual(storedKey);
  });

  test("are set, changed and removed, by user and mechanism", () => {
    const image = new MetadataImage();
    alter(image, [], [upsertion("ann"), upsertion("bob", { mechanism: sha512, iterations: 16_384 })]);
    alter(image, [], [upsertion("ann", { mechanism: sha512, iterations: 5000 })]);
    alter(image, [], [upsertion("ann", { iterations: 4097 })]);
    expect(kept(image)).toEqual({ ann: [[sha256, 4097], [sha512, 5000]], bob: [[sha512, 16_384]] });
    alter(image, [["ann", sha256], ["bob", sha512]]);
    expect(kept(image)).toEqual({ ann: [[sha512, 5000]] });
  });

  test("with too few or too many iterations are refused, and other users' are not", () => {
    const image = new MetadataImage();
    const asked = [
      upsertion("few", { iterations: 4095 }),
      upsertion("many", { iterations: 16_385 }),
      upsertion("none", { iterations: -1 }),
      upsertion("other", { mechanism: 3 }),
      upsertion(""),
      upsertion("empty", { saltedPassword: new Uint8Array(0) }),
      upsertion("good"),
    ];
    expect(alter(image, [], asked)).toEqual({
      few: "UNACCEPTABLE_CREDENTIAL",
      many: "UNACCEPTABLE_CREDENTIAL",
      none: "UNACCEPTABLE_CREDENTIAL",
      other: "UNSUPPORTED_SASL_MECHANISM",
      "": "UNACCEPTABLE_CREDENTIAL",
      empty: "UNACCEPTABLE_CREDENTIAL",
      good: "NONE",
    });
    expect(kept(image)).toEqual({ good: [[sha256, 4096]] });
  });

  test("that are not there cannot be removed", () => {
    const image = new MetadataImage();
    alter(image, [], [upsertion("ann")]);
    expect(alter(image, [["ann", sha512], ["bob", sha256]])).toEqual({
      ann: "RESOURCE_NOT_FOUND",
      bob: "RESOURCE_NOT_FOUND",
    });
  });

  test("of a user who is named twice stay as they are", () => {
    const image = new MetadataImage();
    alter(image, [], [upsertion("ann")]);
    const twice = { ann: "DUPLICATE_RESOURCE" };
    expect(alter(image, [["ann", sha256], ["ann", sha256]])).toEqual(twice);
    expect(alter(image, [["ann", sha256]], [upsertion("ann", { mechanism: sha512 })])).toEqual(twice);
    expect(alter(image, [], [upsertion("ann", { mechanism: sha512 }), upsertion("ann", { iterations: 1 })])).toEqual(
      twice,
    );
    expect(kept(image)).toEqual({ ann: [[sha256, 4096]] });
  });

  test("are what a snapshot's records make of them", () => {
    const image = new MetadataImage();
    alter(image, [], [upsertion("ann"), upsertion("bob", { mechanism: sha512 })]);
    const again = new MetadataImage();
    again.apply([...image.records()]);
    expect([...again.records()]).toEqual([...image.records()]);
    expect(kept(again)).toEqual(kept(image));
  });

  test("that were never there are not removed without a word", () => {
    const removal: MetadataRecord = { kind: "removeScramCredential", name: "ann", mechanism: sha256 };
    expect(() => new MetadataImage().apply([removal])).toThrow(CorruptMetadata);
  });

  test("are made of passwords in steps, between which others are served", async () => {
    let nowMs = 0;
    let longestMs = 0;
    let sinceMs = 0;
    const runtime = {
      digests: { hash: digests.hash, hmac: (...of: Parameters<typeof digests.hmac>) => (nowMs++, digests.hmac(...of)) },
      clock: { nowMs: () => 0, monotonicMs: () => nowMs },
      timers: {
        soon: queueMicrotask,
        after(_ms: number, run: () => void) {
          longestMs = Math.max(longestMs, nowMs - sinceMs);
          sinceMs = nowMs;
          queueMicrotask(run);
          return { cancel() {} };
        },
      },
    };
    const upsertions = Array.from({ length: 50 }, (_, index) => upsertion(`u${index}`));
    const derived = await deriveKeys({ deletions: [], upsertions }, runtime);
    expect([derived.size, derived.get(upsertions[7]!), nowMs]).toEqual([50, keys(upsertions[7]!), 100]);
    expect(longestMs).toBe(10);
  });

  test("are told of without their keys", () => {
    const image = new MetadataImage();
    const { records } = planScram(image.scram, { deletions: [], upsertions: [upsertion("ann")] }, keys);
    expect(image.apply(records)).toEqual([
      { kind: "credentialChanged", user: "ann", mechanism: sha256, isThere: true },
    ]);
  });
});
