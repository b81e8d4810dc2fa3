/** What a StreamsGroupHeartbeat must say. Sentences are Kafka's, for clients log them. */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { isInternalTopic, topicNameTrouble } from "../../cluster/topic_name.ts";
import { invalid, refuseEmpty } from "../modern/request_checks.ts";
import type { ConfiguredTopology } from "./configure.ts";
import type { HeartbeatEvent, TaskOffset } from "./state.ts";
import { JOINING_EPOCH, STATIC_LEAVING_EPOCH } from "./state.ts";
import { partsOf, type Task, type TaskIds, taskOf, type Tasks, tasksOf } from "./tasks.ts";
import type { StreamsTopology } from "./topology.ts";

export type HeartbeatRequest = Omit<HeartbeatEvent, "kind" | "ticket" | "owned" | "ownedSubtopologies"> & {
  readonly groupId: string;
  readonly activeTasks: readonly TaskIds[] | null;
  readonly standbyTasks: readonly TaskIds[] | null;
  readonly warmupTasks: readonly TaskIds[] | null;
};

/** In characters, of a topology and of what else a member says. Kafka's limit is that of a batch, 1 MiB by default. */
const descriptionLengthMax = 1_000_000;

/** @throws {ProtocolError} STREAMS_INVALID_TOPOLOGY, INVALID_REQUEST, UNKNOWN_SERVER_ERROR */
export function checkHeartbeat(request: HeartbeatRequest): void {
  const { topology, memberEpoch } = request;
  if (topology !== null) checkTopicNames(topology);
  if (topology?.subtopologies.some(({ sourceTopicRegex }) => sourceTopicRegex.length > 0)) {
    throw invalid("Regular expressions for source topics are not supported yet.");
  }
  refuseEmpty(request.memberId, "MemberId can't be empty.");
  refuseEmpty(request.groupId, "GroupId can't be empty.");
  refuseEmpty(request.instanceId, "InstanceId can't be empty.");
  refuseEmpty(request.rackId, "RackId can't be empty.");
  if (memberEpoch === JOINING_EPOCH) checkFirst(request);
  else if (memberEpoch === STATIC_LEAVING_EPOCH) {
    if (request.instanceId === null) throw invalid("InstanceId can't be null.");
  } else if (memberEpoch < STATIC_LEAVING_EPOCH) {
    throw invalid(`MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`);
  }
  const tasks = [request.activeTasks, request.standbyTasks, request.warmupTasks];
  if (tasks.includes(null) && tasks.some((some) => some !== null)) {
    throw invalid("If one task-type is non-null, all must be non-null.");
  }
  if (memberEpoch !== JOINING_EPOCH && topology !== null) {
    throw invalid("Topology can only be provided when (re-)joining.");
  }
  const { memberId, instanceId, rackId, processId, endpoint, tags } = request;
  checkLength([memberId, instanceId, rackId, processId, endpoint, [...tags ?? []]]);
}

/** What the member says it has; null: it did not say. */
export function ownedTasks({ activeTasks, standbyTasks, warmupTasks }: HeartbeatRequest): Tasks | null {
  if (activeTasks === null || standbyTasks === null || warmupTasks === null) return null;
  return { active: tasksOf(activeTasks), standby: tasksOf(standbyTasks), warmup: tasksOf(warmupTasks) };
}

/** The subtopologies that it names for it. */
export function ownedSubtopologies({ activeTasks, standbyTasks, warmupTasks }: HeartbeatRequest): Set<string> {
  return new Set([activeTasks, standbyTasks, warmupTasks].flatMap((ids) => ids ?? []).map((ids) => ids.subtopologyId));
}

function checkFirst({ rebalanceTimeoutMs, activeTasks, standbyTasks, warmupTasks, topology }: HeartbeatRequest): void {
  if (rebalanceTimeoutMs === -1) throw invalid("RebalanceTimeoutMs must be provided in first request.");
  if (activeTasks?.length !== 0) throw invalid("ActiveTasks must be empty when (re-)joining.");
  if (standbyTasks?.length !== 0) throw invalid("StandbyTasks must be empty when (re-)joining.");
  if (warmupTasks?.length !== 0) throw invalid("WarmupTasks must be empty when (re-)joining.");
  if (topology === null) throw invalid("Topology must be non-null when (re-)joining.");
  for (const { stateChangelogTopics } of topology.subtopologies) {
    for (const { name, partitions } of stateChangelogTopics) {
      if (partitions === 0) continue;
      throw new ProtocolError(
        ErrorCode.STREAMS_INVALID_TOPOLOGY,
        `Changelog topic ${name} must have an undefined partition count, but it is set to ${partitions}.`,
      );
    }
  }
}

function checkTopicNames({ subtopologies }: StreamsTopology): void {
  const names = new Set(subtopologies.flatMap((subtopology) => [
    ...subtopology.sourceTopics,
    ...subtopology.repartitionSinkTopics,
    ...subtopology.repartitionSourceTopics.map(({ name }) => name),
    ...subtopology.stateChangelogTopics.map(({ name }) => name),
  ]));
  const internal = [...names].filter(isInternalTopic);
  if (internal.length > 0) {
    throw invalidTopology(
      `Use of Kafka internal topics ${internal.join(",")} in a Kafka Streams topology is prohibited.`,
    );
  }
  const illegal = [...names].filter((name) => topicNameTrouble(name) !== null);
  if (illegal.length > 0) throw invalidTopology(`Topic names ${illegal.join(",")} are not valid topic names.`);
}

/** Of a topology that the group is to have. */
export function checkTopology(topology: StreamsTopology): void {
  const ids = topology.subtopologies.map(({ subtopologyId }) => subtopologyId);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, `Subtopology ${twice} is in the topology twice.`);
  }
  if (topology.epoch < 0) {
    throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, "Topology epoch must be non-negative.");
  }
  checkLength(topology.subtopologies);
}

/** A member may only have tasks that there are. */
export function checkOwned(
  { owned, ownedSubtopologies }: Pick<HeartbeatEvent, "owned" | "ownedSubtopologies">,
  { subtopologies }: ConfiguredTopology,
): void {
  for (const id of ownedSubtopologies) {
    if (!subtopologies?.has(id)) throw invalid(`Subtopology ${id} does not exist in the topology.`);
  }
  if (owned === null) return;
  for (const tasks of [owned.active, owned.standby, owned.warmup]) {
    for (const task of tasks) {
      const { subtopologyId, partition } = partsOf(task);
      const taskCount = subtopologies?.get(subtopologyId)?.taskCount ?? 0;
      if (partition >= 0 && partition < taskCount) continue;
      throw invalid(
        `Task ${partition} for subtopology ${subtopologyId} is invalid. Number of tasks for this subtopology: ${taskCount}`,
      );
    }
  }
}

export function offsetsByTask(offsets: readonly TaskOffset[]): ReadonlyMap<Task, number> {
  const byTask = new Map<Task, number>();
  for (const { subtopologyId, partition, offset } of offsets) {
    const task = taskOf(subtopologyId, partition);
    if (byTask.has(task)) {
      throw invalid(
        `Task offsets contain a duplicate entry for subtopology ${subtopologyId} and partition ${partition}.`,
      );
    }
    byTask.set(task, offset);
  }
  return byTask;
}

function checkLength(description: unknown): void {
  if (JSON.stringify(description).length <= descriptionLengthMax) return;
  throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, "The description is too long for a record of the log.");
}

function invalidTopology(message: string): ProtocolError {
  return new ProtocolError(ErrorCode.STREAMS_INVALID_TOPOLOGY, message);
}
