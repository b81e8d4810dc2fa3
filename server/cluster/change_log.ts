/** What the broker's log says of changes of the cluster. */
import type { Logger } from "../log.ts";
import type { ClusterChange } from "./image.ts";

export function logChange(logger: Logger, change: ClusterChange): void {
  switch (change.kind) {
    case "topicCreated":
    case "topicDeleted": {
      const { name, id, partitions } = change.topic;
      const event = change.kind === "topicCreated" ? "topic created" : "topic deleted";
      logger.info(event, { topic: name, id, partitions: partitions.length });
      break;
    }
    case "partitionsAdded":
      logger.info("partitions added", {
        topic: change.topic.name,
        from: change.previousCount,
        to: change.topic.partitions.length,
      });
      break;
    case "configsChanged": {
      const { resource: { type, name }, names } = change;
      logger.info("configs changed", { resourceType: type, resource: name, names: [...names].join(",") });
      break;
    }
    case "clientQuotasChanged":
      logger.info("client quotas changed");
      break;
    case "credentialChanged": {
      const { user, mechanism, isThere } = change;
      logger.info(isThere ? "credential set" : "credential removed", { user, mechanism });
      break;
    }
    case "partitionsChanged":
      break;
    default:
      change satisfies never;
  }
}
