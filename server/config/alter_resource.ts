/** Changes the configs of one resource of the cluster by request: shared by AlterConfigs and IncrementalAlterConfigs. */

import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { ResourceType } from "../cluster/cluster.ts";
import { topicNameTrouble } from "../cluster/topic_name.ts";
import type { AlterableKind, Changes, Situation } from "./alter.ts";
import { requireName } from "./resource_name.ts";

export interface AlterTarget {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** How a resource fared, as both APIs answer it. */
export interface AlterOutcome extends AlterTarget {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** Alters each resource on its own merits; one that is named twice is refused both times. */
export async function alterResources<Target extends AlterTarget>(
  targets: readonly Target[],
  alter: (target: Target) => Promise<void>,
): Promise<AlterOutcome[]> {
  const outcomes: AlterOutcome[] = [];
  for (const target of targets) {
    const { resourceType, resourceName } = target;
    const outcome = {
      resourceType,
      resourceName,
      errorCode: ErrorCode.NONE as number,
      errorMessage: null as string | null,
    };
    outcomes.push(outcome);
    try {
      if (targets.some((other) => other !== target && isSame(other, target))) {
        throw new ProtocolError(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.");
      }
      await alter(target);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      outcome.errorCode = error.code;
      outcome.errorMessage = error.message;
    }
  }
  return outcomes;
}

/**
 * Alters what the cluster keeps for a resource; `plan` says how, from what is set when it is its turn.
 * @throws {ProtocolError}
 */
export async function alterResource(
  broker: Broker,
  target: AlterTarget,
  options: { readonly validateOnly: boolean; readonly plan: (situation: Situation) => Changes },
): Promise<void> {
  const kind = kindOf(broker, target);
  await broker.cluster.alterConfigs(
    { type: target.resourceType, name: target.resourceName },
    (current) => options.plan({ kind, current, broker: broker.config }),
    { validateOnly: options.validateOnly },
  );
}

// ---------------------------------------------------------------------------------------------- below: how

function kindOf({ cluster }: Broker, { resourceType, resourceName: name }: AlterTarget): AlterableKind {
  switch (resourceType) {
    case ResourceType.TOPIC: {
      requireName(name, "Default topic resources are not allowed.");
      const trouble = topicNameTrouble(name);
      if (trouble !== null) {
        throw new ProtocolError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${trouble}`);
      }
      return "topic";
    }
    case ResourceType.BROKER:
      if (name === "") return "all-brokers";
      if (!/^\d+$/.test(name)) {
        throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${name}`);
      }
      if (Number(name) === cluster.nodeId) return "broker";
      throw new ProtocolError(
        ErrorCode.INVALID_REQUEST,
        `Unexpected broker id, expected ${cluster.nodeId}, but received ${name}`,
      );
    case ResourceType.GROUP:
      requireName(name, "Default group resources are not allowed.");
      return "group";
    case ResourceType.CLIENT_METRICS:
      requireName(name, "Subscription name can't be empty");
      return "client-metrics";
    default:
      throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
  }
}

function isSame(one: AlterTarget, other: AlterTarget): boolean {
  return one.resourceType === other.resourceType && one.resourceName === other.resourceName;
}
