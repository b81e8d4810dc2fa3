/**
 * What several loops on one machine cost each other: bun bench/nodes.ts [--nodes 1,2,4] [--rounds 3] [--scale 1]
 * [--target exe|bun|deno]
 *
 * Starts so many brokers, each with a folder and a generator of its own, and gives all of them the same load at the same time.
 * Where cores are left the rate of all should grow with their number; where there are none, the CPU seconds per GiB still say what
 * they share in the kernel: the journal of the file system, the page cache, the processor's own caches. Medians go to
 * bench/results.jsonl.
 */

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runLoad } from "./limit/limit.ts";
import { median, record } from "./results.ts";
import { BrokerSubject } from "./run/contender.ts";
import { invalid, isWeirTarget, type WeirTarget } from "./run/options.ts";
import { gibibyte, mebibyte } from "./rows/row.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "3" },
    scale: { type: "string", default: "1" },
    target: { type: "string", default: "exe" },
  },
});
const nodeCounts = values.nodes.split(",").map((text) => wholeNumber("nodes", text));
const rounds = wholeNumber("rounds", values.rounds);
const scale = Number(values.scale);
if (!(scale > 0 && scale < Infinity)) throw invalid("scale", values.scale, "a number above 0");
const target = weirTarget(values.target);

interface Row {
  readonly name: string;
  readonly totalBytes: number;
  /** Bytes of batches that are produced; without it, what was produced before is consumed, over and over. */
  readonly batchBytes?: number;
}

const topic = "load";
const partitionCount = 6;
const recordBytes = 1024;
const rows: readonly Row[] = [
  { name: "produce 2 KiB", batchBytes: 2048, totalBytes: gibibyte / 2 },
  { name: "produce 64 KiB", batchBytes: 65_536, totalBytes: gibibyte / 2 },
  { name: "consume from the page cache", totalBytes: 2 * gibibyte },
];

const found = new Map<string, number[]>();

for (let round = 0; round < rounds; round++) {
  for (const nodeCount of round % 2 === 0 ? nodeCounts : nodeCounts.toReversed()) {
    const nodes = await Promise.all(Array.from({ length: nodeCount }, startNode));
    try {
      await loadAll(nodes, { name: "warm-up", batchBytes: 16_384, totalBytes: 128 * mebibyte });
      for (const row of rows) {
        const { seconds, cpuSeconds, bytes } = await loadAll(nodes, row);
        note(`${row.name}: rate of all`, nodeCount, bytes / mebibyte / seconds);
        note(`${row.name}: broker CPU`, nodeCount, cpuSeconds / (bytes / gibibyte));
      }
      const ownBytes = nodes.reduce((sum, node) => sum + node.memory().ownBytes, 0);
      note("own memory of all", nodeCount, ownBytes / mebibyte);
    } finally {
      await Promise.all(nodes.map((node) => node.dispose()));
    }
  }
}

record([...found].map(([row, measured]) => {
  const unit = row.endsWith("CPU") ? "s/GiB" : row.includes("memory") ? "MiB" : "MiB/s";
  const spread = { min: Math.min(...measured), max: Math.max(...measured), rounds, scale };
  return { runtime: target, rival: null, row, value: median(measured), unit, ...spread, cores: availableParallelism() };
}));

async function startNode(): Promise<BrokerSubject> {
  const node = await BrokerSubject.start({ name: target, target }, "os");
  await node.makeTopic(topic, partitionCount);
  return node;
}

/** All at once; until the last is done. */
async function loadAll(nodes: readonly BrokerSubject[], { batchBytes, totalBytes }: Row) {
  const cpu = () => nodes.reduce((sum, node) => sum + node.cpuSeconds(), 0);
  const before = cpu();
  const startMs = performance.now();
  const loads = await Promise.all(nodes.map(({ port }) => {
    const common = { port, topic, partitionCount, connectionCount: 4, totalBytes: Math.ceil(totalBytes * scale) };
    return batchBytes === undefined
      ? runLoad({ kind: "consume", ...common, isRepeated: true })
      : runLoad({ kind: "produce", ...common, recordBytes, batchBytes: [batchBytes] });
  }));
  const seconds = (performance.now() - startMs) / 1000;
  return { seconds, cpuSeconds: cpu() - before, bytes: loads.reduce((sum, load) => sum + load.bytes, 0) };
}

function note(what: string, nodeCount: number, value: number): void {
  const row = `nodes, ${nodeCount} at once: ${what}`;
  found.set(row, [...found.get(row) ?? [], value]);
}

function weirTarget(text: string): WeirTarget {
  if (!isWeirTarget(text)) throw invalid("target", text, "exe, bun or deno");
  return text;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw invalid(name, text, "whole numbers from 1");
  return value;
}
