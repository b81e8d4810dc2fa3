/**
 * InitProducerId: v0–v5.
 *
 * v1 throttle · v2 flexible · v3 epoch recovery (KIP-360) · v4 PRODUCER_FENCED · v5 KIP-890
 *
 * For idempotent producers: a new id with epoch 0, whatever id the producer had before. Transactional ids are not
 * served yet.
 */
import { initProducerId } from "../../protocol/api/22_init_producer_id.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const initProducerIdHandler = handle(initProducerId, [0, 5], async (request, { broker }) => {
  if (request.transactionalId === null) {
    return { errorCode: ErrorCode.NONE, producerId: await broker.producerIds.next(), producerEpoch: 0 };
  }
  const errorCode = request.transactionalId === "" ? ErrorCode.INVALID_REQUEST : ErrorCode.UNSUPPORTED_VERSION;
  return { errorCode, producerId: -1, producerEpoch: -1 };
});
