/** A consumer of the selftest: reads what the writer writes as soon as it may, and remembers how far it came. */
import { BrokerConnection } from "../client/connection.ts";
import { ConnectionError } from "../client/errors.ts";
import { fetch } from "../protocol/api/01_fetch.ts";
import { wholeBatches } from "../protocol/batch.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { PartitionLedger } from "./selftest_ledger.ts";

/** The last version whose requests name topics. */
const FETCH_BY_NAME = 12;
const WAIT_MS = 50;
const BYTES_MAX = 1024 * 1024;

/** Reads from where each log ends now, until the connection does. @param topics by name, a ledger per partition */
export async function watch(
  connection: BrokerConnection,
  topics: ReadonlyMap<string, readonly PartitionLedger[]>,
): Promise<void> {
  try {
    while (connection.isOpen) await fetchOnce(connection, topics);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
  }
}

async function fetchOnce(
  connection: BrokerConnection,
  topics: ReadonlyMap<string, readonly PartitionLedger[]>,
): Promise<void> {
  const answer = await connection.send(fetch, {
    maxWaitMs: WAIT_MS,
    minBytes: 1,
    maxBytes: BYTES_MAX,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [...topics].map(([topic, ledgers]) => ({
      topic,
      partitions: ledgers.map(({ seenOffset }, partition) => ({
        partition,
        fetchOffset: seenOffset,
        partitionMaxBytes: BYTES_MAX,
      })),
    })),
    forgottenTopicsData: [],
    rackId: "",
  }, { versionMax: FETCH_BY_NAME });
  for (const { topic, partitions } of answer.responses) {
    for (const { partitionIndex, errorCode, records } of partitions) {
      const ledger = topics.get(topic)?.[partitionIndex];
      if (errorCode !== ErrorCode.NONE || ledger === undefined || records === null) continue;
      for (const batch of wholeBatches(records)) ledger.seenOffset = Math.max(ledger.seenOffset, batch.nextOffset);
    }
  }
}
