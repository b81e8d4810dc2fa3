/**
 * StreamsGroupTopologyDescriptionUpdate: v0.
 *
 * Descriptions are kept by a plugin of the broker (KIP-1331), a Java class that somebody writes. There is none here, and
 * the answer is that of a Kafka broker without: members do not ask, for no heartbeat tells them to.
 */
import { streamsGroupTopologyDescriptionUpdate } from "../../protocol/api/93_streams_group_topology_description_update.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { isStreamsProtocolOn } from "../features.ts";
import { handle } from "../handler.ts";

export const streamsGroupTopologyDescriptionUpdateHandler = handle(
  streamsGroupTopologyDescriptionUpdate,
  [0, 0],
  (_request, { broker }) => ({
    throttleTimeMs: 0,
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    errorMessage: isStreamsProtocolOn(broker)
      ? "The broker has no streams group topology description plugin configured."
      : null,
  }),
);
