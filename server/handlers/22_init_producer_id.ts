/**
 * InitProducerId: v0–v5.
 *
 * v1 throttle · v2 flexible · v3 epoch recovery (KIP-360) · v4 PRODUCER_FENCED · v5 KIP-890
 *
 * For idempotent producers: a new id with epoch 0, whatever id and epoch the producer had before (it names both or
 * neither). For a transactional id: its producer id with the next epoch, which fences whoever had the one before.
 */
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { handle } from "../handler.ts";
import type { TransactionAnswer } from "../transactions/state.ts";

export const initProducerIdHandler = handle(initProducerId, [0, 5], async (request, { apiVersion, broker }) => {
  const { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request;
  if (transactionalId === "" || (producerId === -1) !== (producerEpoch === -1)) {
    return { errorCode: ErrorCode.INVALID_REQUEST, producerId: -1, producerEpoch: -1 };
  }
  if (transactionalId === null) return await idempotent(broker);
  const expected = producerId === -1 ? null : { producerId, producerEpoch };
  const { errorCode, ...identity } = await broker.transactions.initProducerId({ transactionalId, timeoutMs, expected });
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < 4;
  return { errorCode: isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode, ...identity };
});

async function idempotent({ producerIds }: Broker): Promise<TransactionAnswer> {
  try {
    return { errorCode: ErrorCode.NONE, producerId: await producerIds.next(), producerEpoch: 0 };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // No new block of ids can be written down now. Kafka's word for that, with which clients try again.
    return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, producerId: -1, producerEpoch: -1 };
  }
}
