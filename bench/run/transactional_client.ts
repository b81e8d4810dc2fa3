/**
 * A transactional producer that costs little: batches made beforehand and stamped with its id, epoch and sequence. It works by
 * KIP-890: the broker adds partitions, and every end raises the epoch. Times are in milliseconds.
 */

import { produce } from "../../protocol/api/00_produce.ts";
import { findCoordinator } from "../../protocol/api/10_find_coordinator.ts";
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { endTxn } from "../../protocol/api/26_end_txn.ts";
import { CRC_START, readInt16, TRANSACTIONAL_FLAG, writeInt16, writeInt32, writeInt64 } from "../../protocol/batch.ts";
import { crc32c, initCrc32c } from "../../protocol/crc32c.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeBatch } from "../../protocol/record.ts";
import { pause, until } from "../../tests/support/broker.ts";
import { AnsweredError } from "../../tests/support/requests.ts";
import { TestClient } from "../../tests/support/test_client.ts";
import { makeBatch } from "../load.ts";

const transactionKey = 1;
const timeoutMs = 60_000;
const batchBytes = 65_536;
const inFlight = 5;
/** As soon as Java's producer. */
const retryMs = 20;
/** What the coordinator may not be ready for, shortly after the end before. */
const passing: ReadonlySet<number> = new Set([ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.NOT_ENOUGH_REPLICAS]);

export interface TransactionalLoad {
  readonly port: number;
  /** Of one partition. */
  readonly topic: string;
  readonly transactionalId: string;
  readonly recordBytes: number;
  readonly recordsPerTransaction: number;
  readonly transactionCount: number;
  /** Each n-th is aborted; none when left out. */
  readonly abortEvery?: number;
}

export interface Transacted {
  readonly bytes: number;
  readonly seconds: number;
  readonly committedRecords: number;
  /** Of each transaction, from its first batch on its way to its end acknowledged. */
  readonly endedMs: readonly number[];
}

interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** One transaction after another. */
export async function produceTransactions(load: TransactionalLoad): Promise<Transacted> {
  const { transactionCount, recordsPerTransaction, abortEvery = Infinity } = load;
  await initCrc32c();
  const client = await TestClient.connect(load.port, { clientId: "transactions" });
  const endedMs: number[] = [];
  let [bytes, committedRecords] = [0, 0];
  let identity = await initialized(client, load.transactionalId);
  const batches = batchesOf(load);
  const startMs = performance.now();
  for (let index = 1; index <= transactionCount; index++) {
    const beginMs = performance.now();
    bytes += await sendAll(client, load, batches, identity);
    const isCommitted = index % abortEvery !== 0;
    identity = await ended(client, load.transactionalId, identity, isCommitted);
    endedMs.push(performance.now() - beginMs);
    if (isCommitted) committedRecords += recordsPerTransaction;
  }
  const seconds = (performance.now() - startMs) / 1000;
  client.close();
  return { bytes, seconds, committedRecords, endedMs };
}

async function initialized(client: TestClient, transactionalId: string): Promise<Identity> {
  let identity: Identity | null = null;
  await until(async () => {
    await client.send(findCoordinator, 3, { key: transactionalId, keyType: transactionKey });
    const answer = await client.send(initProducerId, 4, { transactionalId, transactionTimeoutMs: timeoutMs });
    if (answer.errorCode === ErrorCode.NONE) identity = answer;
    return identity !== null;
  }, { timeoutMs, what: `A producer id for ${transactionalId}` });
  return identity!;
}

/** Each a template, with how many records it has. */
function batchesOf({ recordBytes, recordsPerTransaction }: TransactionalLoad) {
  const whole = makeBatch(batchBytes, recordBytes);
  const batches = Array.from({ length: Math.floor(recordsPerTransaction / whole.recordCount) }, () => whole);
  const recordCount = recordsPerTransaction % whole.recordCount;
  if (recordCount === 0) return batches;
  const records = Array.from({ length: recordCount }, () => ({
    timestamp: Date.now(),
    value: new Uint8Array(recordBytes).fill(0x78),
  }));
  return [...batches, { bytes: encodeBatch({ records }), recordCount }];
}

/** All batches of a transaction. The first is waited for: what is sent before it was taken might have to be sent again. */
async function sendAll(
  client: TestClient,
  load: TransactionalLoad,
  batches: readonly { readonly bytes: Uint8Array; readonly recordCount: number }[],
  identity: Identity,
): Promise<number> {
  let [bytes, sequence] = [0, 0];
  const underWay: Promise<void>[] = [];
  for (const [index, { bytes: template, recordCount }] of batches.entries()) {
    const records = stamped(template, identity, sequence);
    sequence += recordCount;
    bytes += records.length;
    if (underWay.length >= inFlight) await underWay.shift();
    const sent = sendOne(client, load, records);
    if (index === 0) await sent;
    else underWay.push(sent);
  }
  await Promise.all(underWay);
  return bytes;
}

async function sendOne(client: TestClient, load: TransactionalLoad, records: Uint8Array): Promise<void> {
  for (;;) {
    const { responses } = await client.send(produce, 12, {
      transactionalId: load.transactionalId,
      acks: -1,
      timeoutMs,
      topicData: [{ name: load.topic, partitionData: [{ index: 0, records }] }],
    }, { timeoutMs });
    const code = responses[0]?.partitionResponses[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (code === ErrorCode.NONE) return;
    if (!passing.has(code)) throw new AnsweredError(code, `Cannot produce to ${load.topic} in a transaction`);
    await pause(retryMs);
  }
}

async function ended(
  client: TestClient,
  transactionalId: string,
  identity: Identity,
  committed: boolean,
): Promise<Identity> {
  for (;;) {
    const { producerId, producerEpoch } = identity;
    const answer = await client.send(endTxn, 5, { transactionalId, producerId, producerEpoch, committed }, {
      timeoutMs,
    });
    if (answer.errorCode === ErrorCode.NONE) return answer;
    if (!passing.has(answer.errorCode)) throw new AnsweredError(answer.errorCode, `Cannot end a transaction`);
    await pause(retryMs);
  }
}

function stamped(template: Uint8Array, { producerId, producerEpoch }: Identity, baseSequence: number): Uint8Array {
  const bytes = template.slice();
  writeInt16(bytes, 21, readInt16(bytes, 21) | TRANSACTIONAL_FLAG);
  writeInt64(bytes, 43, producerId);
  writeInt16(bytes, 51, producerEpoch);
  writeInt32(bytes, 53, baseSequence);
  writeInt32(bytes, 17, crc32c(bytes, CRC_START));
  return bytes;
}
