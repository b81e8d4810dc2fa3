/**
 * Makes the topics that streams groups lack: repartition and changelog topics (KIP-1071). A heartbeat that finds some
 * missing is answered at once, and a later one finds them. What cannot be made is told to members in the status that says
 * it is missing, and is tried again only after a while.
 */
import { ErrorCode } from "../../../protocol/errors.ts";
import type { Clock } from "../../../runtime/runtime.ts";
import type { Cluster, TopicRequest } from "../../cluster/cluster.ts";
import type { Logger } from "../../log.ts";
import type { InternalTopic } from "./configure.ts";
import { StatusCode, type StreamsAnswer } from "./state.ts";

export interface InternalTopicsOptions {
  readonly cluster: Pick<Cluster, "createTopics">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Topics in a sentence before it says how many more there are. */
const errorsShownMax = 3;
/** Failures that are remembered: beyond, the oldest are tried again. As many as Kafka's. */
const failuresMax = 1_000;

interface Failure {
  readonly message: string;
  readonly untilMs: number;
}

export class InternalTopics {
  readonly #options: InternalTopicsOptions;
  readonly #inFlight = new Set<string>();
  readonly #failures = new Map<string, Failure>();

  constructor(options: InternalTopicsOptions) {
    this.#options = options;
  }

  /** Begins to make what the answer names; says in it what could not be made before. */
  make(answer: StreamsAnswer, retryMs: number): StreamsAnswer {
    const { topicsToMake } = answer;
    if (topicsToMake.length === 0) return answer;
    const wanted = topicsToMake.filter(({ name }) => !this.#inFlight.has(name) && this.#failureOf(name) === null);
    if (wanted.length > 0) {
      this.#create(wanted, retryMs).catch((cause) =>
        this.#options.logger.error("internal topics not created", { cause })
      );
    }
    const failures = topicsToMake.flatMap(({ name }) => {
      const failure = this.#failureOf(name);
      return failure === null ? [] : [`${name} (${failure.message})`];
    });
    if (failures.length === 0) return answer;
    const shown = failures.slice(0, errorsShownMax).join(", ");
    const more = failures.length > errorsShownMax ? ` and ${failures.length - errorsShownMax} more` : "";
    const status = answer.status.map(({ code, detail }) => ({
      code,
      detail: code === StatusCode.MISSING_INTERNAL_TOPICS ? `${detail}; Creation failed: ${shown}${more}.` : detail,
    }));
    return { ...answer, status };
  }

  #failureOf(name: string): Failure | null {
    const failure = this.#failures.get(name);
    if (failure === undefined) return null;
    if (this.#options.clock.nowMs() < failure.untilMs) return failure;
    this.#failures.delete(name);
    return null;
  }

  async #create(topics: readonly InternalTopic[], retryMs: number): Promise<void> {
    const { cluster, clock, logger } = this.#options;
    for (const { name } of topics) this.#inFlight.add(name);
    const fail = (name: string, message: string) => {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined && this.#failures.size >= failuresMax) this.#failures.delete(oldest);
      this.#failures.set(name, { message, untilMs: clock.nowMs() + retryMs });
    };
    try {
      for (const { name, error } of await cluster.createTopics(topics.map(topicRequest))) {
        // Another heartbeat, or the client itself, was there first.
        if (error === null || error.code === ErrorCode.TOPIC_ALREADY_EXISTS) continue;
        fail(name, error.message);
        logger.warn("internal topic not created", { topic: name, reason: error.message });
      }
    } catch (cause) {
      for (const { name } of topics) fail(name, (cause as Error).message);
      throw cause;
    } finally {
      for (const { name } of topics) this.#inFlight.delete(name);
    }
  }
}

function topicRequest({ name, partitionCount, replicationFactor, configs }: InternalTopic): TopicRequest {
  return replicationFactor > 0
    ? { name, partitionCount, configs, replicationFactor }
    : { name, partitionCount, configs };
}
