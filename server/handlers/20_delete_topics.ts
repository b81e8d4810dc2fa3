/**
 * DeleteTopics: v0–v6.
 *
 * v1 throttle time · v3 TOPIC_DELETION_DISABLED · v4 flexible · v5 messages, may answer THROTTLING_QUOTA_EXCEEDED (KIP-599) ·
 * v6 by name or id (KIP-516)
 *
 * A topic is gone when this is answered; its files go a while later (`file.delete.delay.ms`). What is refused is answered
 * first, a topic asked for twice once.
 */
import {
  deleteTopics,
  type DeleteTopicsRequest,
  type DeleteTopicsResponseDraft,
} from "../../protocol/api/20_delete_topics.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/schema.ts";
import type { Broker } from "../broker.ts";
import type { PartitionAdmission } from "../cluster/cluster.ts";
import { withinDeadline } from "../cluster/deadline.ts";
import { handle } from "../handler.ts";

/** How a topic is asked for: by exactly one of the two. */
interface Asked {
  readonly name: string | null;
  readonly topicId: string;
}

type Answer = DeleteTopicsResponseDraft["responses"][number];

export const deleteTopicsHandler = handle(deleteTopics, [0, 6], async (request, context) => {
  const { broker, apiVersion } = context;
  const asked = apiVersion >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  if (!broker.config.get("delete.topic.enable")) {
    const code = apiVersion < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED;
    return { responses: asked.map((one) => refused(one, new ProtocolError(code))) };
  }
  const admission = context.meter?.mutations({ isStrict: apiVersion >= 5 });
  return { responses: await deleteAll(broker, request, asked, admission) };
});

async function deleteAll(
  broker: Broker,
  { timeoutMs }: DeleteTopicsRequest,
  asked: readonly Asked[],
  admission: PartitionAdmission | undefined,
): Promise<Answer[]> {
  const names = new Tally(asked.map(({ name }) => name));
  const ids = new Tally(asked.map(({ topicId }) => topicId));
  const doomed: Asked[] = [];
  const answers = new Map<string, Answer>();
  for (const one of asked) {
    const error = troubleWith(broker, one, names, ids);
    if (error !== null) answers.set(`${one.topicId} ${one.name}`, refused(one, error));
    else doomed.push(identified(broker, one));
  }
  return [...answers.values(), ...await deleteNow(broker, timeoutMs, doomed, admission)];
}

async function deleteNow(
  broker: Broker,
  timeoutMs: number,
  doomed: readonly Asked[],
  admission: PartitionAdmission | undefined,
): Promise<Answer[]> {
  if (doomed.length === 0) return [];
  try {
    const errors = await withinDeadline(
      broker.runtime.timers,
      timeoutMs,
      () => broker.cluster.deleteTopics(doomed.map(({ topicId }) => topicId), { admission }),
    );
    return doomed.map((one, index) => {
      const error = errors[index] ?? null;
      return error === null ? { ...one, errorCode: ErrorCode.NONE } : refused(one, error);
    });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return doomed.map((one) => refused(one, error));
  }
}

function troubleWith(broker: Broker, { name, topicId }: Asked, names: Tally, ids: Tally): ProtocolError | null {
  const invalid = (why: string) => new ProtocolError(ErrorCode.INVALID_REQUEST, why);
  if (name === null) {
    if (topicId === ZERO_UUID) return invalid("Neither topic name nor id were specified.");
    if (ids.count(topicId) > 1) return invalid("Duplicate topic id.");
    return broker.cluster.topicById(topicId) === undefined ? new ProtocolError(ErrorCode.UNKNOWN_TOPIC_ID) : null;
  }
  if (topicId !== ZERO_UUID) return invalid("You may not specify both topic name and topic id.");
  if (names.count(name) > 1) return invalid("Duplicate topic name.");
  const topic = broker.cluster.topic(name);
  if (topic === undefined) return new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (ids.count(topic.id) > 0) return invalid("The provided topic name maps to an ID that was already supplied.");
  return null;
}

/** Both name and id of a topic that is there. */
function identified(broker: Broker, { name, topicId }: Asked): Asked {
  const topic = name === null ? broker.cluster.topicById(topicId) : broker.cluster.topic(name);
  return { name: topic!.name, topicId: topic!.id };
}

function refused({ name, topicId }: Asked, error: ProtocolError): Answer {
  return { name, topicId, errorCode: error.code, errorMessage: error.message };
}

/** How often each value occurs. */
class Tally {
  readonly #counts = new Map<string | null, number>();

  constructor(values: Iterable<string | null>) {
    for (const value of values) this.#counts.set(value, this.count(value) + 1);
  }

  count(value: string | null): number {
    return this.#counts.get(value) ?? 0;
  }
}
