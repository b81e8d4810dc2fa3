/** The cluster itself: leaders, replicas, the quorum, brokers, access rules, tokens and what users log in with. */

import { describeUserScramCredentials } from "../../../protocol/api/50_describe_user_scram_credentials.ts";
import { until } from "../../support/broker.ts";
import type { RunOptions, Scripts, Shell } from "./shell.ts";

/** How far the metadata's log is, in which epoch, and where its voters are, differs from minute to minute and place to place. */
const ofTheMoment: RunOptions = {
  mask: [
    [/^(LeaderEpoch|HighWatermark|MaxFollowerLag|MaxFollowerLagTimeMs): -?\d+$/g, "$1: <n>"],
    [/^ClusterId: .*/g, "ClusterId: <id>"],
    [/"directoryId": "[\w-]+"/g, '"directoryId": "<id>"'],
    [/"endpoints": \[.*?\]/g, '"endpoints": <where>'],
    [/^(\d+) [\w-]{22} \d+ (\d+) .* (Leader|Follower|Observer)$/g, "$1 <id> <offset> $2 <times> $3"],
    [/\b\d+ ms ago\b/g, "<time>"],
  ],
};

/** Kafka has them in the order of a hash map. */
const mechanismsInOrder: RunOptions = {
  mask: [[/SCRAM-SHA-512=(\S+), SCRAM-SHA-256=(\S+)$/g, "SCRAM-SHA-256=$2, SCRAM-SHA-512=$1"]],
};

export const administrationScripts: Scripts = {
  "leader-election elects nobody where the right one leads": async (shell) => {
    const file = shell.file("elect.json", {
      partitions: [{ topic: "led.a", partition: 0 }, { topic: "led.a", partition: 1 }],
    });
    await shell.run("topics --create --topic led.a --partitions 2");
    for (
      const command of [
        "--election-type preferred --topic led.a --partition 0",
        "--election-type unclean --topic led.a --partition 1",
        `--election-type preferred --path-to-json-file ${file}`,
        "--election-type preferred --all-topic-partitions",
        "--election-type unclean --all-topic-partitions",
        "--election-type preferred --topic led.a --partition 9",
        "--election-type preferred --topic unheard-of.a --partition 0",
        "--election-type somehow --topic led.a --partition 0",
      ]
    ) {
      await shell.says(`leader-election ${command}`);
    }
  },

  "reassign-partitions generates, executes, verifies, cancels and lists": async (shell) => {
    await shell.run("topics --create --topic moved.a --partitions 2");
    const topics = shell.file("topics.json", { version: 1, topics: [{ topic: "moved.a" }] });
    const plan = (name: string, ...partitions: object[]) => shell.file(name, { version: 1, partitions });
    const of = (partition: number, more: object = {}) => ({ topic: "moved.a", partition, replicas: [1], ...more });
    const all = plan("all.json", of(0), of(1));
    const within = plan("within.json", of(0, { log_dirs: [shell.logDirectory] }));
    const elsewhere = plan("elsewhere.json", of(0, { log_dirs: ["/nowhere"] }));
    const gone = plan("gone.json", of(0, { replicas: [77] }));
    const twice = plan("twice.json", of(0), of(0));
    const strange = plan("strange.json", { topic: "unheard-of.a", partition: 0, replicas: [1] });
    for (
      const command of [
        `--topics-to-move-json-file ${topics} --broker-list 1 --generate`,
        `--topics-to-move-json-file ${topics} --broker-list 77 --generate`,
        `--reassignment-json-file ${all} --execute`,
        `--reassignment-json-file ${all} --verify`,
        `--reassignment-json-file ${all} --cancel`,
        "--list",
        `--reassignment-json-file ${all} --execute --throttle 1000000`,
        `--reassignment-json-file ${all} --verify`,
        `--reassignment-json-file ${within} --execute`,
        `--reassignment-json-file ${within} --verify`,
        `--reassignment-json-file ${elsewhere} --execute --timeout 1000`,
        `--reassignment-json-file ${gone} --execute`,
        `--reassignment-json-file ${twice} --execute`,
        `--reassignment-json-file ${strange} --execute`,
        `--reassignment-json-file ${strange} --verify`,
        `--reassignment-json-file ${all} --execute --disallow-replication-factor-change`,
      ]
    ) {
      await shell.says(`reassign-partitions ${command}`);
    }
    await shell.run("topics --describe --topic moved.a");
  },

  "metadata-quorum describes who votes": async (shell) => {
    await shell.run(
      `
        metadata-quorum describe --status
        metadata-quorum describe --replication
        metadata-quorum describe --replication --human-readable
      `,
      ofTheMoment,
    );
    await shell.says(
      "metadata-quorum remove-controller --controller-id 77 --controller-directory-id AAAAAAAAAAAAAAAAAAAABQ",
    );
  },

  "cluster unregisters no broker that it does not have": async (shell) => {
    await shell.says("cluster unregister --id 77");
  },

  "acls says that there is no authorizer": async (shell) => {
    const rule = "--allow-principal User:ann --operation Read --topic ruled.a";
    for (const command of ["--list", `--add ${rule}`, `--remove --force ${rule}`, "--list --topic ruled.a"]) {
      await shell.says(`acls ${command}`);
    }
  },

  "delegation-tokens says that nobody is authenticated": async (shell) => {
    const file = shell.file("client.properties", "client.id=tokens\n");
    const command = `delegation-tokens --command-config ${file}`;
    for (
      const what of [
        "--create --max-life-time-period -1",
        "--describe",
        "--renew --hmac AAAA --renew-time-period -1",
        "--expire --hmac AAAA --expiry-time-period -1",
      ]
    ) {
      await shell.says(`${command} ${what}`);
    }
  },

  "configs sets, shows and removes what users log in with": async (shell) => {
    const ann = "--entity-type users --entity-name ann.a";
    const bob = "--entity-type users --entity-name bob.a";
    const says = (command: string) => shell.says(`configs ${command}`, mechanismsInOrder);
    /** What changes, and then is shown. */
    const alter = async (change: string, mechanisms: readonly number[]) => {
      await says(`--alter ${ann} ${change}`);
      await untilKept(shell, "ann.a", mechanisms);
      await says(`--describe ${ann}`);
    };
    await says(`--describe ${ann}`);
    await alter("--add-config SCRAM-SHA-256=[iterations=8192,password=secret]", [1]);
    await alter("--add-config SCRAM-SHA-512=[password=secret]", [1, 2]);
    await says(`--alter ${bob} --add-config SCRAM-SHA-256=[password=a],SCRAM-SHA-512=[password=b]`);
    await says(`--describe ${bob}`);
    for (
      const wrong of [
        "SCRAM-SHA-256=[iterations=100,password=secret]",
        "SCRAM-SHA-256=[iterations=100000,password=secret]",
        "SCRAM-SHA-1=[password=secret]",
        "SCRAM-SHA-256=[iterations=4096]",
      ]
    ) {
      await says(`--alter ${ann} --add-config ${wrong}`);
    }
    await alter("--delete-config SCRAM-SHA-512", [1]);
    await says(`--alter ${ann} --delete-config SCRAM-SHA-512`);
    await alter("--delete-config SCRAM-SHA-256", []);
    await shell.says("configs --describe --entity-type users", { rows: /user-principal '\w+\.a'/ });
  },
};

/** Waits for what a user can log in with: Kafka's broker hears of what its controller did a moment later. */
async function untilKept(shell: Shell, user: string, mechanisms: readonly number[]): Promise<void> {
  const client = await shell.dialogue.main();
  await until(async () => {
    const { results } = await client.send(describeUserScramCredentials, 0, { users: [{ name: user }] });
    const kept = results[0]!.credentialInfos.map(({ mechanism }) => mechanism).sort();
    return JSON.stringify(kept) === JSON.stringify(mechanisms);
  }, { what: `What ${user} logs in with` });
}
