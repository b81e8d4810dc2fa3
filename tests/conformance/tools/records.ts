/** Records: sent, read, counted and deleted. */

import { expect } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Scripts } from "./shell.ts";

/** For console-producer: lines are key:value. */
const keyed = "--reader-property parse.key=true --reader-property key.separator=:";
const codecs = ["none", "gzip", "snappy", "lz4", "zstd"];

export const recordsScripts: Scripts = {
  "console-producer sends what console-consumer prints, in every compression": async (shell) => {
    await shell.topic("console.r");
    for (const codec of codecs) {
      const args = `--compression-codec ${codec} ${keyed}`;
      await shell.run(`console-producer --topic console.r ${args}`, { input: `${codec}:äöü\n` });
    }
    const shown = ["partition", "offset", "key"].map((name) => `--formatter-property print.${name}=true`).join(" ");
    await shell.run(`
      console-consumer --topic console.r --partition 0 --offset 4 --max-messages 1
      console-consumer --topic console.r --partition 0 --offset earliest --max-messages 2 --isolation-level read_committed
    `);
    const args = `--topic console.r --from-beginning --max-messages 5 ${shown}`;
    const { lines } = await shell.run(`console-consumer ${args}`);
    expect(lines.filter((line) => line.startsWith("Partition"))).toEqual(
      codecs.map((codec, offset) => `Partition:0\tOffset:${offset}\t${codec}\täöü`),
    );
  },

  "console-producer sends headers, nulls and to several partitions": async (shell) => {
    await shell.topic("full.r", 3);
    const reader = [
      "parse.headers=true",
      "parse.key=true",
      "headers.delimiter=|",
      "headers.separator=,",
      "headers.key.separator=:",
      "key.separator=;",
      "null.marker=NULL",
    ].map((property) => `--reader-property ${property}`).join(" ");
    const input = "h1:a,h2:b|k1;v1\nh1:c|k2;NULL\nNULL|k3;v3\nh:x|k4;v4\n";
    await shell.run(`console-producer --topic full.r ${reader}`, { input });
    const shown = ["partition", "offset", "key", "headers", "timestamp", "epoch"]
      .map((name) => `--formatter-property print.${name}=true`).join(" ");
    const args = `--from-beginning --max-messages 4 --formatter-property null.literal=nil ${shown}`;
    await shell.run(`console-consumer --topic full.r ${args}`, { isSorted: true });
    await shell.run(`console-consumer --include full[.]r --from-beginning --max-messages 4`, { isSorted: true });
  },

  "get-offsets tells the ends of logs": async (shell) => {
    await shell.topic("ends.r", 2);
    await shell.topic("other-ends.r");
    await shell.run(`console-producer --topic ends.r ${keyed}`, { input: "a:1\nb:2\nc:3\nd:4\n" });
    await shell.run(`
      get-offsets --topic ends.r
      get-offsets --topic ends.r --partitions 1
      get-offsets --topic .*ends.r --exclude-internal-topics
      get-offsets --topic-partitions ends.r:0-2,other-ends.r
      get-offsets --topic-partitions ends.r:0
      get-offsets --topic-partitions ends.r:0-2 --time 0
      get-offsets --topic ends.r --time earliest
      get-offsets --topic ends.r --time latest
      get-offsets --topic ends.r --time earliest-local
      get-offsets --topic ends.r --time -2
      get-offsets --topic other-ends.r --time max-timestamp
      get-offsets --topic ends.r --time latest-tiered
    `);
    await shell.run("get-offsets", { rows: /ends\.r/ });
    await shell.refuses(`
      get-offsets --topic unheard-of.r
      get-offsets --topic ends.r --partitions 7
      get-offsets --topic ends.r --time soon
    `);
  },

  "delete-records moves the start of a log": async (shell) => {
    await shell.topic("cut.r", 2);
    for (const value of ["a", "b", "c"]) {
      await shell.run(`console-producer --topic cut.r ${keyed}`, { input: `key:${value}\n` });
    }
    const { lines } = await shell.run("get-offsets --topic cut.r");
    const partition = lines.findIndex((line) => line.endsWith(":3"));
    const cut = (name: string, offset: number) =>
      shell.file(name, { version: 1, partitions: [{ topic: "cut.r", partition, offset }] });
    await shell.run(`
      delete-records --offset-json-file ${cut("two.json", 2)}
      get-offsets --topic cut.r --time earliest
      get-offsets --topic cut.r
      delete-records --offset-json-file ${cut("end.json", -1)}
      get-offsets --topic cut.r --time earliest
      delete-records --offset-json-file ${cut("beyond.json", 9)}
    `);
    await shell.refuses(`
      delete-records --offset-json-file ${
      shell.file("twice.json", {
        version: 1,
        partitions: [{ topic: "cut.r", partition, offset: 1 }, { topic: "cut.r", partition, offset: 1 }],
      })
    }
      delete-records --offset-json-file ${shell.file("version.json", { version: 2, partitions: [] })}
    `);
  },

  "log-dirs tells the size of every log": async (shell) => {
    await shell.topic("sized.r", 2);
    await shell.run(`console-producer --topic sized.r ${keyed}`, { input: "key:value\n" });
    await shell.run("topics --describe --topic sized.r");
    const { lines } = await shell.run("log-dirs --describe --topic-list sized.r", { rows: /Querying|Received/ });
    const directories = JSON.parse(lines.at(-1) ?? "").brokers[0].logDirs;
    const [{ logDir, error, partitions }] = directories;
    expect([directories.length, logDir, error]).toEqual([1, shell.logDirectory, null]);
    const sized: { partition: string; size: number; offsetLag: number; isFuture: boolean }[] = partitions;
    expect(sized.some(({ size }) => size > 0)).toBe(true);
    for (const { partition, size, offsetLag, isFuture } of sized) {
      if (size > 0) expect(statSync(join(logDir, partition, `${"0".repeat(20)}.log`)).size).toBe(size);
      expect([offsetLag, isFuture]).toEqual([0, false]);
    }
    const inOrder = sized.sort((one, other) => one.partition < other.partition ? -1 : 1);
    shell.notes.push({ command: "its partitions", status: 0, lines: inOrder.map((log) => JSON.stringify(log)) });
    await shell.run("log-dirs --describe --topic-list unheard-of.r --broker-list 1");
    await shell.topic("idle.r");
    await shell.run("log-dirs --describe --topic-list idle.r,unheard-of.r");
    await shell.refuses("log-dirs --describe --broker-list 7");
  },
};
