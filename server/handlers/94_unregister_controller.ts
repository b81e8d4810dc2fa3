/**
 * UnregisterController: v0.
 *
 * Takes a controller that is gone from the cluster's list. Here that has this node alone, which is not gone.
 */
import { unregisterController } from "../../protocol/api/94_unregister_controller.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { handle } from "../handler.ts";

export const unregisterControllerHandler = handle(unregisterController, [0, 0], ({ controllerId }, { broker }) => {
  const isKnown = broker.cluster.controllerId === controllerId;
  return {
    throttleTimeMs: 0,
    errorCode: isKnown ? ErrorCode.INVALID_REQUEST : ErrorCode.CONTROLLER_ID_NOT_REGISTERED,
    errorMessage: isKnown
      ? "Controller cannot unregister itself while it is active."
      : `Controller ID ${controllerId} is not currently registered.`,
  };
});
