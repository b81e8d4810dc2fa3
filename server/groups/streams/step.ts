/**
 * The life of a streams group: `step(state, event) → [state, effects]`. Pure; whoever calls it answers the requests,
 * runs the timers and writes the log as the effects say. A request that is refused changes nothing.
 *
 *     phase         means                                                    left when
 *     ───────────   ──────────────────────────────────────────────────────   ──────────────────────────────────────────
 *     Empty         no members                                               a member joins
 *     NotReady      topics of the topology are missing, or are not           they are in order (`configure.ts`)
 *                   partitioned as it needs them
 *     Assigning     group epoch > assignment epoch: the target is out of     a heartbeat makes a new target
 *                   date                                                     (`assign.ts`)
 *     Reconciling   members are on their way to the target                   all are there (`reconcile.ts`), one
 *                                                                            heartbeat after the other
 *     Stable        every member has what it is to have                      the group epoch rises
 *
 * The group epoch rises when a member comes, goes, or says something new of itself; when the topics of the topology
 * change, or come to be in order; and when the configs change that assignments are made by.
 */
import { ErrorCode, ProtocolError } from "../../../protocol/errors.ts";
import { groupHash } from "../consumer/metadata_hash.ts";
import { namedMember } from "../modern/members.ts";
import { assignmentConfigs, isSameConfigs, updateTarget } from "./assign.ts";
import { type ConfiguredTopology, configureTopology, isReady } from "./configure.ts";
import { Draft } from "./draft.ts";
import { endpointPartitions } from "./endpoints.ts";
import { fence } from "./fence.ts";
import { checkRoom, claimMember } from "./members.ts";
import { reconciled } from "./reconcile.ts";
import type {
  Endpoint,
  HeartbeatEvent,
  StepContext,
  StreamsEffect,
  StreamsEvent,
  StreamsGroupState,
  StreamsMember,
  StreamsStatus,
} from "./state.ts";
import {
  FIRST_EPOCH,
  isReconciled,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  NO_OFFSETS,
  refusedHeartbeat,
  STATIC_LEAVING_EPOCH,
  StatusCode,
} from "./state.ts";
import { checkOwned, checkTopology, offsetsByTask } from "./request_checks.ts";
import { isSameHeld, NO_TASKS, NONE_HELD } from "./tasks.ts";
import { isSameTopology, requiredTopics, type StreamsTopology } from "./topology.ts";

export function step(
  state: StreamsGroupState,
  event: StreamsEvent,
  context: StepContext,
): [StreamsGroupState, readonly StreamsEffect[]] {
  const draft = new Draft(state, context);
  try {
    // Deleted between the look-up and the step: the client finds its coordinator anew and retries.
    if (!state.isDead) apply(draft, event);
    else if (event.kind === "heartbeat") throw new ProtocolError(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  } catch (error) {
    if (!(error instanceof ProtocolError) || event.kind !== "heartbeat") throw error;
    const answer = refusedHeartbeat(error.code, error.message);
    return [state, [{ kind: "answer", ticket: event.ticket, answer }]];
  }
  return [draft.state, draft.effects];
}

function apply(draft: Draft, event: StreamsEvent): void {
  switch (event.kind) {
    case "heartbeat":
      if (event.memberEpoch === LEAVING_EPOCH || event.memberEpoch === STATIC_LEAVING_EPOCH) return leave(draft, event);
      return heartbeat(draft, event);
    case "sessionExpired":
      return expired(draft, event.memberId, "its session expired");
    case "revocationExpired":
      if (draft.state.members.get(event.memberId)?.epoch !== event.epoch) return;
      return expired(draft, event.memberId, "it did not give up its tasks in time");
    case "delayOver": {
      draft.update({ isDelayed: false });
      const { members, configured } = draft.state;
      if (members.size > 0 && configured !== null) updateTarget(draft, configured);
      return;
    }
    case "topicsChanged":
      return draft.update({ isRefreshDue: true });
    case "loaded":
      return loaded(draft);
    case "closed":
      for (const memberId of draft.state.members.keys()) draft.cancelTimersOf(memberId);
      draft.cancelTimer("delay");
      return draft.update({ isDead: true });
  }
}

// ---------------------------------------------------------------------------------------------- heartbeats

function heartbeat(draft: Draft, event: HeartbeatEvent): void {
  const { before, rules } = draft;
  const isJoining = event.memberEpoch === JOINING_EPOCH;
  if (isJoining) checkRoom(draft, event);
  const member = claimMember(draft, event);
  const isRaisedByMember = describe(draft, member, event);
  const status: StreamsStatus[] = [];
  const topology = joinTopology(draft, event);
  const { topologyEpoch } = draft.state.members.get(event.memberId)!;
  if (before.topology !== null && topologyEpoch < before.topology.epoch) {
    status.push(stale(topologyEpoch, before.topology));
  }

  const { configured, metadataHash } = configure(draft, topology);
  const validatedTopologyEpoch = isReady(configured) ? topology.epoch : -1;
  if (isReady(configured)) checkOwned(event, configured);
  noteTaskOffsets(draft, event);
  const configs = assignmentConfigs(draft);
  const isRaised = isRaisedByMember || metadataHash !== before.metadataHash ||
    validatedTopologyEpoch !== before.validatedTopologyEpoch || !isSameConfigs(configs, before.assignmentConfigs);
  if (isRaised) draft.raise({ metadataHash, validatedTopologyEpoch, assignmentConfigs: configs });
  if (before.members.size === 0 && !before.isDelayed && rules.initialRebalanceDelayMs > 0) {
    draft.update({ isDelayed: true });
    draft.startTimer("delay", rules.initialRebalanceDelayMs, { kind: "delayOver" });
  }
  const delay = updateTarget(draft, configured);
  if (delay !== null) status.push(delay);
  const updated = reconcileMember(draft, event);
  draft.startTimer(`session:${event.memberId}`, rules.sessionTimeoutMs, {
    kind: "sessionExpired",
    memberId: event.memberId,
  });
  if (event.isShutdownWanted) draft.update({ shutdownBy: draft.state.shutdownBy ?? event.memberId });

  const hasOtherTasks = !isSameHeld(member.assigned, updated.assigned);
  const hasOtherEndpoint = !isSameEndpoint(member.endpoint, updated.endpoint);
  const isEndpointNews = hasOtherEndpoint || hasOtherTasks && updated.endpoint !== null;
  const endpointEpoch = before.endpointEpoch + (isEndpointNews ? 1 : 0);
  // The first heartbeat of all is told of endpoint epoch 0 whatever it says, so that it will be told again.
  const isFirst = before.groupEpoch === FIRST_EPOCH;
  if (!isFirst) draft.update({ endpointEpoch });
  const areEndpointsTold = endpointEpoch !== event.endpointEpoch;
  draft.answer(event, {
    errorCode: 0,
    errorMessage: null,
    memberId: event.memberId,
    memberEpoch: updated.epoch,
    heartbeatIntervalMs: rules.heartbeatIntervalMs,
    taskOffsetIntervalMs: rules.taskOffsetIntervalMs,
    acceptableRecoveryLag: rules.acceptableRecoveryLag,
    status: [...status, ...groupStatus(draft, configured), ...missingTags(draft, updated, event)],
    tasks: isJoining || hasOtherTasks ? updated.assigned : null,
    endpointEpoch: isFirst ? 0 : endpointEpoch,
    endpoints: areEndpointsTold ? endpointPartitions(draft.state, event.memberId, draft.topics) : null,
    topicsToMake: configured.topicsToMake,
  });
}

/**
 * Puts what a member says of itself in place of what it was.
 * @returns whether that calls for another assignment
 */
function describe(draft: Draft, member: StreamsMember, event: HeartbeatEvent): boolean {
  const { memberId, rebalanceTimeoutMs } = event;
  const isJoining = event.memberEpoch === JOINING_EPOCH;
  const wanted: StreamsMember = {
    ...member,
    instanceId: event.instanceId ?? member.instanceId,
    rackId: event.rackId ?? member.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    topologyEpoch: event.topology?.epoch ?? member.topologyEpoch,
    clientId: event.clientId,
    clientHost: event.clientHost,
    processId: event.processId ?? member.processId,
    // One that joins without an endpoint has none any more.
    endpoint: isJoining ? event.endpoint : event.endpoint ?? member.endpoint,
    tags: event.tags ?? member.tags,
  };
  const isNew = !draft.state.members.has(memberId);
  const concernsAssignment = !hasSameNeeds(member, wanted);
  const hasChanged = isNew || concernsAssignment || member.instanceId !== wanted.instanceId ||
    member.rebalanceTimeoutMs !== wanted.rebalanceTimeoutMs || member.clientId !== wanted.clientId ||
    member.clientHost !== wanted.clientHost || !isSameEndpoint(member.endpoint, wanted.endpoint);
  if (!hasChanged) return false;
  draft.put(wanted);
  draft.write({ kind: "member", memberId, value: wanted });
  // A static member that comes back as it was gets what it had.
  return event.instanceId === null || concernsAssignment;
}

function hasSameNeeds(one: StreamsMember, other: StreamsMember): boolean {
  return one.topologyEpoch === other.topologyEpoch && one.rackId === other.rackId &&
    one.processId === other.processId && isSameConfigs(one.tags, other.tags);
}

function isSameEndpoint(one: Endpoint | null, other: Endpoint | null): boolean {
  return one?.host === other?.host && one?.port === other?.port;
}

/** The group's topology: the first member's, and others must agree with it. */
function joinTopology(draft: Draft, { topology }: HeartbeatEvent): StreamsTopology {
  const known = draft.before.topology;
  if (known === null) {
    if (topology === null) {
      throw new ProtocolError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        "The topology is null and the group topology is also null.",
      );
    }
    checkTopology(topology);
    draft.setTopology(topology);
    return topology;
  }
  if (topology === null || known.epoch > topology.epoch || isSameTopology(known, topology)) return known;
  throw new ProtocolError(ErrorCode.INVALID_REQUEST, "Topology updates are not supported yet.");
}

/** Looks at the topics, if they may have changed. */
function configure(
  draft: Draft,
  topology: StreamsTopology,
): { readonly configured: ConfiguredTopology; readonly metadataHash: bigint } {
  const { before, topics } = draft;
  if (before.topology !== null && before.configured !== null && !before.isRefreshDue) {
    return { configured: before.configured, metadataHash: before.metadataHash };
  }
  const names = [...requiredTopics(topology)].filter((name) => topics.topic(name) !== undefined).sort();
  const metadataHash = groupHash(names.map((name) => topics.hashOf(name)));
  const isKnown = before.topology !== null && before.configured !== null && metadataHash === before.metadataHash;
  const configured = isKnown ? before.configured! : configureTopology(topology, topics);
  draft.update({ configured, isRefreshDue: false });
  return { configured, metadataHash };
}

function noteTaskOffsets(draft: Draft, { memberId, taskOffsets, taskEndOffsets }: HeartbeatEvent): void {
  if (taskOffsets === null && taskEndOffsets === null) return;
  const { offsets, endOffsets } = draft.state.taskOffsets.get(memberId) ?? NO_OFFSETS;
  const noted = {
    offsets: taskOffsets === null ? offsets : offsetsByTask(taskOffsets),
    endOffsets: taskEndOffsets === null ? endOffsets : offsetsByTask(taskEndOffsets),
  };
  // As in Kafka, the heartbeat that makes a group is not heeded in this: they are told again before long.
  if (draft.before.groupEpoch !== FIRST_EPOCH) draft.setTaskOffsets(memberId, noted);
}

/** Takes the member a step towards its target. */
function reconcileMember(draft: Draft, { memberId, owned }: HeartbeatEvent): StreamsMember {
  const { state } = draft;
  const member = state.members.get(memberId)!;
  if (isReconciled(member, state.assignmentEpoch)) return member;
  const next = reconciled(member, {
    target: state.isDelayed ? NO_TASKS : draft.targetOf(memberId),
    targetEpoch: state.assignmentEpoch,
    holders: (task) => draft.holdersOf(task),
    owned,
  });
  if (isSameCurrent(member, next)) return member;
  draft.put(next);
  draft.write({ kind: "memberCurrent", memberId, value: next });
  if (next.phase === "unrevoked") startRevocation(draft, next);
  else draft.cancelTimer(`revocation:${memberId}`);
  return next;
}

function isSameCurrent(one: StreamsMember, other: StreamsMember): boolean {
  return one.phase === other.phase && one.epoch === other.epoch && one.previousEpoch === other.previousEpoch &&
    isSameHeld(one.assigned, other.assigned) && isSameHeld(one.revoking, other.revoking);
}

function startRevocation(draft: Draft, { memberId, epoch, rebalanceTimeoutMs }: StreamsMember): void {
  draft.startTimer(`revocation:${memberId}`, rebalanceTimeoutMs, { kind: "revocationExpired", memberId, epoch });
}

// ---------------------------------------------------------------------------------------------- what members are told

function stale(topologyEpoch: number, { epoch }: StreamsTopology): StreamsStatus {
  const detail = `The member's topology epoch ${topologyEpoch} is behind the group's topology epoch ${epoch}.`;
  return { code: StatusCode.STALE_TOPOLOGY, detail };
}

function groupStatus({ state }: Draft, { trouble }: ConfiguredTopology): StreamsStatus[] {
  const status = trouble === null ? [] : [trouble];
  if (state.shutdownBy === null) return status;
  const detail =
    `Streams group member ${state.shutdownBy} encountered a fatal error and requested a shutdown for the ` +
    "entire application.";
  return [...status, { code: StatusCode.SHUTDOWN_APPLICATION, detail }];
}

function missingTags({ rules }: Draft, { tags }: StreamsMember, { apiVersion }: HeartbeatEvent): StreamsStatus[] {
  const missing = rules.rackAwareTags.filter((tag) => !tags.has(tag));
  // Before v1 clients do not know the status, and fail.
  if (missing.length === 0 || apiVersion < 1) return [];
  const detail = `Missing required client tags for rack-aware standby assignment: [${missing.join(", ")}]. Configure ` +
    "them via 'client.tag.<tagKey>' in your Streams config.";
  return [{ code: StatusCode.MISSING_CLIENT_TAGS, detail }];
}

// ---------------------------------------------------------------------------------------------- goodbyes

function leave(draft: Draft, event: HeartbeatEvent): void {
  const { memberId, memberEpoch, instanceId } = event;
  if (event.isShutdownWanted) draft.update({ shutdownBy: draft.state.shutdownBy ?? memberId });
  const member = namedMember(draft.state, event);
  if (instanceId !== null && memberEpoch === STATIC_LEAVING_EPOCH) leaveForNow(draft, member);
  else fence(draft, member);
  if (instanceId === null) draft.note("member left", { member: memberId });
  else draft.note("static member left", { member: memberId, instance: instanceId, epoch: memberEpoch });
  draft.answer(event, { ...refusedHeartbeat(0, null), memberId, memberEpoch });
}

/** A static member goes, and is expected back within its session. What it has stays its own, for whoever it then is. */
function leaveForNow(draft: Draft, member: StreamsMember): void {
  const active = new Map([...member.assigned.active.keys()].map((task) => [task, 0] as const));
  const assigned = { ...member.assigned, active };
  const left: StreamsMember = { ...member, epoch: STATIC_LEAVING_EPOCH, revoking: NONE_HELD, assigned };
  draft.put(left);
  draft.write({ kind: "memberCurrent", memberId: member.memberId, value: left });
}

function expired(draft: Draft, memberId: string, reason: string): void {
  const member = draft.state.members.get(memberId);
  if (member === undefined) return;
  draft.note("member fenced", { member: memberId, epoch: member.epoch, reason });
  fence(draft, member);
}

function loaded(draft: Draft): void {
  for (const member of draft.state.members.values()) {
    const { memberId } = member;
    draft.startTimer(`session:${memberId}`, draft.rules.sessionTimeoutMs, { kind: "sessionExpired", memberId });
    if (member.phase === "unrevoked") startRevocation(draft, member);
  }
}
