/**
 * Damaged reports of metrics end in texts that are JSON or in an error that the broker answers; and a client that asks and reports
 * at random is never let through more often than the rules say.
 *
 *     SEED=123 ROUNDS=1 bun test tests/fuzz/telemetry_fuzz_test.ts
 */
import { expect, test } from "bun:test";
import process from "node:process";
import { CompressionError } from "../../protocol/compression.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { MalformedFrame } from "../../protocol/wire.ts";
import { ask, type ClientInstance, newInstance, push } from "../../server/telemetry/client_instance.ts";
import { readReport, type ReportHead, reportTexts, ReportTooLarge } from "../../server/telemetry/report.ts";
import vectors from "../golden/java_telemetry/vectors.json" with { type: "json" };
import { bytesFromHex, hexOf } from "../golden/vectors.ts";
import { seedOf } from "../support/prng.ts";
import { Chance, elementsIn } from "./damage.ts";

const seed = seedOf(process.env.SEED);
const rounds = Number(process.env.ROUNDS ?? 5_000);
const options = { timeout: 3_600_000 };
console.info(`telemetry fuzz: SEED=${seed} ROUNDS=${rounds}`);

const corpus = [
  ...vectors.reports.map(({ hex }) => ({ compression: 0, bytes: bytesFromHex(hex) })),
  ...vectors.compressed.map(({ compression, hex }) => ({ compression, bytes: bytesFromHex(hex) })),
];
const head: ReportHead = {
  timeMs: 0,
  clientInstanceId: "",
  clientId: "",
  clientSoftwareName: "",
  clientSoftwareVersion: "",
  clientAddress: "",
  clientPort: 0,
  isLast: false,
};

test(`damaged reports end in JSON or a named error (SEED=${seed})`, () => {
  let wholeCount = 0;
  for (let round = 0; round < rounds; round++) {
    const chance = new Chance(seed + round);
    const { compression, bytes: from } = chance.pick(corpus);
    const bytes = chance.below(20) === 0 ? chance.bytes(60) : chance.damage(from, chance.pick(corpus).bytes);
    const sizeBytesMax = chance.pick([10, 1_000, 1_000_000]);
    try {
      const report = readReport(bytes, { compression, sizeBytesMax });
      if (compression === 0) expect(elementsIn(report)).toBeLessThanOrEqual(bytes.length);
      for (const text of reportTexts(head, report)) JSON.parse(text);
      wholeCount++;
    } catch (error) {
      if ([MalformedFrame, CompressionError, ReportTooLarge].some((known) => error instanceof known)) continue;
      throw new Error(`SEED=${seed + round} ROUNDS=1: compression ${compression}, ${hexOf(bytes)}`, { cause: error });
    }
  }
  // If hardly anything is read, the damage is too coarse to reach the inside.
  if (rounds > 100) expect(wholeCount).toBeGreaterThan(rounds / 50);
}, options);

test(`a client is let through as often as the rules say, in any order of its requests (SEED=${seed})`, () => {
  const intervalMs = 100;
  for (let round = 0; round < rounds; round++) {
    const chance = new Chance(seed + round);
    let instance: ClientInstance = newInstance({ metrics: ["*"], intervalMs }, 0, 7);
    let nowMs = 0;
    let [accepted, askedSince, hasEnded, mayAsk] = [-Infinity, false, false, true];
    for (let event = 0; event < 30; event++) {
      nowMs += chance.pick([0, 1, 10, 50, 99, 100, 300]);
      if (chance.below(3) === 0) {
        const [after, code] = ask(instance, nowMs);
        if (code !== ErrorCode.NONE) expect([code, mayAsk]).toEqual([ErrorCode.THROTTLING_QUOTA_EXCEEDED, false]);
        else {
          // Told what is wanted: a report may follow, unless this answer only mended what was refused.
          askedSince ||= after.lastAskMs === nowMs;
          mayAsk = false;
        }
        instance = after;
        continue;
      }
      const report = {
        subscriptionId: chance.pick([7, 7, 7, 8]),
        isLast: chance.below(10) === 0,
        compression: chance.pick([0, 4, 4, 9]),
        sizeBytes: chance.pick([1, 100, 101]),
      };
      const [after, code] = push(instance, report, nowMs, 100);
      if (code === ErrorCode.NONE) {
        expect(hasEnded).toBe(false);
        expect(report.isLast || askedSince || nowMs - accepted >= intervalMs).toBe(true);
        expect([report.subscriptionId, report.compression < 9, report.sizeBytes <= 100]).toEqual([7, true, true]);
      }
      if (after.lastPushMs === nowMs && instance.lastPushMs !== nowMs) {
        accepted = nowMs;
        askedSince = false;
      }
      mayAsk = code === ErrorCode.UNKNOWN_SUBSCRIPTION_ID || code === ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
      hasEnded = report.isLast;
      instance = after;
    }
  }
}, options);
