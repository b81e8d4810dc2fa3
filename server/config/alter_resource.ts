/** Changes the configs of one resource of the cluster by request: shared by AlterConfigs and IncrementalAlterConfigs. */

import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { ResourceType } from "../cluster/cluster.ts";
import { type AlterableKind, type Changes, refuseOddRequests, type RequestedChange, type Situation } from "./alter.ts";

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
 * Alters what the cluster keeps for a resource; `plan` says what the changes come to, from what is set when it is their turn.
 * @throws {ProtocolError}
 */
export async function alterResource(
  broker: Broker,
  target: AlterTarget,
  { requested, plan, validateOnly }: {
    readonly requested: readonly RequestedChange[];
    readonly plan: (requested: readonly RequestedChange[], situation: Situation) => Changes;
    readonly validateOnly: boolean;
  },
): Promise<void> {
  refuseOddRequests(requested);
  const kind = kindOf(broker, target);
  const { resourceType: type, resourceName: name } = target;
  await broker.cluster.alterConfigs(
    { type, name },
    (current) => plan(requested, { kind, name, current, broker: broker.config }),
    { validateOnly },
  );
}

// ---------------------------------------------------------------------------------------------- below: how

function kindOf({ cluster }: Broker, { resourceType, resourceName: name }: AlterTarget): AlterableKind {
  switch (resourceType) {
    case ResourceType.TOPIC:
      return "topic";
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
      return "group";
    case ResourceType.CLIENT_METRICS:
      return "client-metrics";
    default:
      throw new ProtocolError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
  }
}

function isSame(one: AlterTarget, other: AlterTarget): boolean {
  return one.resourceType === other.resourceType && one.resourceName === other.resourceName;
}
