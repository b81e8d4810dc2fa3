/** The tools that measure, and those that system tests drive clients by. */

import type { RunOptions, Scripts } from "./shell.ts";

/** Figures that are measured, by what follows them. */
const measured: RunOptions = {
  rows: /50th|Avg latency/,
  mask: [
    [/[\d.]+ (records\/sec|MB\/sec|ms)/g, "<n> $1"],
    [/: [\d.]+$/g, ": <n>"],
    [/ = \d+/g, " = <n>"],
    [/avg_throughput":[^}]+/g, 'avg_throughput":<n>'],
  ],
};

const consumed: RunOptions = {
  without: [
    "start.time",
    "end.time",
    "MB.sec",
    "nMsg.sec",
    "rebalance.time.ms",
    "fetch.time.ms",
    "fetch.MB.sec",
    "fetch.nMsg.sec",
  ],
};

export const perfScripts: Scripts = {
  "the perf tests send and read": async (shell) => {
    await shell.topic("perf.p", 3);
    const load = "--num-records 3000 --record-size 200 --throughput -1";
    await shell.run(`producer-perf-test --topic perf.p ${load} --command-property acks=all`, measured);
    await shell.run("consumer-perf-test --topic perf.p --num-records 3000 --timeout 20000", consumed);
    const isolated = "--command-property isolation.level=read_committed";
    await shell.run(`producer-perf-test --topic perf.p ${load} --transactional-id perf.p`, measured);
    await shell.run(`producer-perf-test --topic perf.p ${load} --transaction-duration-ms 50`, measured);
    await shell.run(`consumer-perf-test --topic perf.p --num-records 9000 --timeout 20000 ${isolated}`, consumed);
    await shell.run("get-offsets --topic perf.p --time earliest");
  },

  "share-consumer-perf-test reads": async (shell) => {
    await shell.topic("shared.p");
    await shell.run(
      "configs --alter --entity-type groups --entity-name shared.p --add-config share.auto.offset.reset=earliest",
    );
    const load = "--num-records 2000 --record-size 100 --throughput -1";
    await shell.run(`producer-perf-test --topic shared.p ${load}`, measured);
    const args = "--topic shared.p --group shared.p --num-records 2000 --timeout 20000";
    await shell.run(`share-consumer-perf-test ${args}`, consumed);
  },

  "e2e-latency sends and reads one after the other": async (shell) => {
    await shell.topic("latency.p");
    await shell.run(
      "e2e-latency --topic latency.p --num-records 20 --producer-acks all --record-size 20 --num-headers 2 --record-header-key-size 4 --record-header-size 4",
      measured,
    );
    await shell.run("get-offsets --topic latency.p");
  },

  "verifiable-producer and verifiable-consumer agree": async (shell) => {
    await shell.topic("verified.p");
    const masked: RunOptions = { mask: measured.mask! };
    await shell.run("verifiable-producer --topic verified.p --max-messages 7 --acks -1", masked);
    await shell.run(
      "verifiable-producer --topic verified.p --max-messages 3 --repeating-keys 2 --value-prefix 5",
      masked,
    );
    // A member of the newer protocol may wait for its partitions with none.
    const told: RunOptions = { ...masked, rows: /^(?!.*"partitions":\[\]\})/ };
    for (const protocol of ["classic", "consumer"]) {
      const group = `--group-protocol ${protocol} --group-id verified-${protocol}.p`;
      const args = "--max-messages 10 --verbose --reset-policy earliest";
      await shell.run(`verifiable-consumer --topic verified.p ${group} ${args}`, told);
      await shell.run(`consumer-groups --describe --group verified-${protocol}.p`);
    }
  },

  "verifiable-share-consumer reads": async (shell) => {
    const masked: RunOptions = { mask: measured.mask! };
    await shell.topic("verified-share.p");
    await shell.run("verifiable-producer --topic verified-share.p --max-messages 5", masked);
    const args = "--topic verified-share.p --group-id verified-share.p --max-messages 5";
    await shell.run(`verifiable-share-consumer ${args} --offset-reset-strategy earliest`, masked);
    await shell.run("share-groups --describe --group verified-share.p");
  },

  "transactional-message-copier copies exactly once": async (shell) => {
    await shell.topic("copied.p");
    await shell.topic("copy.p");
    const masked: RunOptions = { mask: measured.mask! };
    await shell.run("verifiable-producer --topic copied.p --max-messages 20", masked);
    const topics = "--input-topic copied.p --input-partition 0 --output-topic copy.p";
    const sizes = "--max-messages 20 --transaction-size 5";
    await shell.run(
      `
      transactional-message-copier ${topics} ${sizes} --transactional-id copier.p --consumer-group copier.p --use-group-metadata
      console-consumer --topic copy.p --from-beginning --max-messages 20 --isolation-level read_committed
      consumer-groups --describe --group copier.p
      get-offsets --topic copy.p
    `,
      { without: ["ProducerId"] },
    );
  },
};
