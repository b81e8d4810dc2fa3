/** Reads every partition from its start to its end, while nobody writes, and holds what is there against its ledger. */

import { ErrorCode } from "../../protocol/errors.ts";
import { LedgerPass, OutrunError, type PartitionLedger } from "./kill_ledger.ts";
import { recordsOf } from "./kill_records.ts";
import { AnsweredError, endOffset, fetchBatches, startOffset } from "./requests.ts";
import { TestClient } from "./test_client.ts";

export interface Verified {
  readonly recordCount: number;
  /** Offsets between the logs' starts and ends that have no record. */
  readonly missingCount: number;
}

/** @throws {LedgerError} */
export async function verify(
  port: number,
  ledgers: ReadonlyMap<string, readonly PartitionLedger[]>,
): Promise<Verified> {
  const client = await TestClient.connect(port, { clientId: "kill-verifier" });
  try {
    let recordCount = 0;
    let missingCount = 0;
    for (const [topic, parts] of ledgers) {
      for (const [partition, ledger] of parts.entries()) {
        const place = { topic, partition };
        const pass = await readThrough(client, place, ledger).catch((error) => {
          if (!(error instanceof OutrunError)) throw error;
          return readThrough(client, place, ledger); // What was on its way out is gone now.
        });
        recordCount += pass.position - ledger.startOffset - pass.missingCount;
        missingCount += pass.missingCount;
      }
    }
    return { recordCount, missingCount };
  } finally {
    client.close();
  }
}

async function readThrough(
  client: TestClient,
  place: { readonly topic: string; readonly partition: number },
  ledger: PartitionLedger,
): Promise<LedgerPass> {
  const end = await endOffset(client, place);
  let pass = await passFromStart(client, place, ledger);
  while (pass.position < end) {
    const { errorCode, logStartOffset, batches } = await fetchBatches(client, place, pass.position);
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && ledger.rules.hasRetention) {
      const before = pass.position;
      pass = await passFromStart(client, place, ledger); // Retention has deleted what was to come next.
      if (pass.position > before) continue;
    }
    if (errorCode !== ErrorCode.NONE) throw new AnsweredError(errorCode, `Cannot fetch from ${ledger.name}`);
    ledger.startTold(logStartOffset);
    if (batches.length === 0) break;
    for (const batch of batches) pass.read(recordsOf(batch, ledger.name), batch.nextOffset);
  }
  pass.end(end);
  return pass;
}

async function passFromStart(
  client: TestClient,
  place: { readonly topic: string; readonly partition: number },
  ledger: PartitionLedger,
): Promise<LedgerPass> {
  const start = await startOffset(client, place);
  ledger.startTold(start);
  return new LedgerPass(ledger, start);
}
