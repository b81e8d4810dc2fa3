/**
 * UnregisterBroker: v0.
 *
 * Takes a broker that is gone from the cluster's list. Here that has this broker alone, which is not gone.
 */
import { unregisterBroker } from "../../protocol/api/64_unregister_broker.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const unregisterBrokerHandler = handle(unregisterBroker, [0, 0], ({ brokerId }, { broker }) => {
  const isKnown = broker.cluster.brokerIds().includes(brokerId);
  return {
    throttleTimeMs: 0,
    errorCode: isKnown ? ErrorCode.INVALID_REQUEST : ErrorCode.BROKER_ID_NOT_REGISTERED,
    errorMessage: isKnown ? `Broker ${brokerId} is in service.` : `Broker ID ${brokerId} is not currently registered`,
  };
});
