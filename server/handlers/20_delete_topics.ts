/**
 * DeleteTopics: v0–v6.
 *
 * v1 throttle time · v3 TOPIC_DELETION_DISABLED · v4 flexible · v5 messages, may answer THROTTLING_QUOTA_EXCEEDED (KIP-599) ·
 * v6 by name or id (KIP-516)
 *
 * A topic is gone when this is answered; its files go a while later (`file.delete.delay.ms`). What is refused is answered
 * first, a topic asked for twice once; when the time is up, all that was asked for as it was asked for.
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

interface Identified extends Asked {
  readonly name: string;
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
  const wanted = sorted(asked);
  if (wanted.names.size + wanted.ids.size === 0) return wanted.refused;
  try {
    return await withinDeadline(broker.runtime.timers, timeoutMs, async () => {
      const { doomed, refused } = lookedUp(broker, wanted);
      return [...wanted.refused, ...refused, ...await deleteNow(broker, doomed, admission)];
    });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return asked.map((one) => refused(one, error));
  }
}

interface Wanted {
  readonly names: ReadonlySet<string>;
  readonly ids: ReadonlySet<string>;
  readonly idsTwice: ReadonlySet<string>;
  readonly refused: Answer[];
}

/** What can be looked up, and what need not be. */
function sorted(asked: readonly Asked[]): Wanted {
  const answers: Answer[] = [];
  const names = new Tally(), ids = new Tally();
  for (const one of asked) {
    if (one.name !== null && one.topicId !== ZERO_UUID) {
      answers.push(refused(one, invalid("You may not specify both topic name and topic id.")));
    } else if (one.name !== null) names.add(one.name);
    else if (one.topicId !== ZERO_UUID) ids.add(one.topicId);
    else answers.push(refused(one, invalid("Neither topic name nor id were specified.")));
  }
  for (const name of names.twice) {
    answers.push(refused({ name, topicId: ZERO_UUID }, invalid("Duplicate topic name.")));
  }
  for (const topicId of ids.twice) answers.push(refused({ name: null, topicId }, invalid("Duplicate topic id.")));
  return { names: names.once, ids: ids.once, idsTwice: ids.twice, refused: answers };
}

/** Of a topic that is asked for by name and by id too, only the name is answered, and it stays. */
function lookedUp(broker: Broker, { names, ids, idsTwice }: Wanted): { doomed: Identified[]; refused: Answer[] } {
  const answers: Answer[] = [];
  const doomed = new Map<string, Identified>();
  for (const topicId of ids) {
    const topic = broker.cluster.topicById(topicId);
    if (topic !== undefined) doomed.set(topicId, { name: topic.name, topicId });
    else answers.push(refused({ name: null, topicId }, new ProtocolError(ErrorCode.UNKNOWN_TOPIC_ID)));
  }
  for (const name of names) {
    const topicId = broker.cluster.topic(name)?.id;
    if (topicId === undefined) {
      answers.push(refused({ name, topicId: ZERO_UUID }, new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)));
    } else if (idsTwice.has(topicId) || doomed.delete(topicId)) {
      answers.push(refused(
        { name, topicId },
        invalid("The provided topic name maps to an ID that was already supplied."),
      ));
    } else doomed.set(topicId, { name, topicId });
  }
  return { doomed: [...doomed.values()], refused: answers };
}

async function deleteNow(
  broker: Broker,
  doomed: readonly Identified[],
  admission: PartitionAdmission | undefined,
): Promise<Answer[]> {
  if (doomed.length === 0) return [];
  const errors = await broker.cluster.deleteTopics(doomed.map(({ topicId }) => topicId), { admission });
  return doomed.map((one, index) => {
    const error = errors[index] ?? null;
    return error === null ? { ...one, errorCode: ErrorCode.NONE } : refused(one, error);
  });
}

function invalid(why: string): ProtocolError {
  return new ProtocolError(ErrorCode.INVALID_REQUEST, why);
}

function refused({ name, topicId }: Asked, error: ProtocolError): Answer {
  return { name, topicId, errorCode: error.code, errorMessage: error.message };
}

/** Values that occur once, and those that do more often. */
class Tally {
  readonly once = new Set<string>();
  readonly twice = new Set<string>();

  add(value: string): void {
    if (this.twice.has(value)) return;
    if (this.once.delete(value)) this.twice.add(value);
    else this.once.add(value);
  }
}
