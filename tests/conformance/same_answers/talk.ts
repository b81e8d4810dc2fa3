/**
 * One side of a question: a conversation with one of the two brokers, whose answers are noted in order.
 *
 * A closed connection and silence are answers too. What chance gives (ids, ports, times) is labelled by `Dialogue`; names
 * are the same on both sides.
 */

import type { ProduceRequestDraft } from "../../../protocol/api/00_produce.ts";
import { ErrorCode } from "../../../protocol/errors.ts";
import type { Api } from "../../../protocol/schema.ts";
import { pause, withTimeout } from "../../support/broker.ts";
import { Dialogue } from "../../support/dialogue.ts";
import { ConnectionClosed, type TestClient } from "../../support/test_client.ts";
import { viewOf } from "./views.ts";
import type { World } from "./world.ts";

export interface Note {
  readonly label: string;
  readonly answer: unknown;
}

/** One broker, and what was put into it before the first question. */
export interface Side {
  readonly name: "Weir" | "Kafka";
  readonly port: number;
  readonly world: World;
}

/** Longer than the longest wait that a question asks for; what comes later counts as no answer. */
const silenceMs = 4_000;
/** How long "there is another operation under way" may be the answer before it is taken for the last word. */
const passingMs = 1_500;

export class Talk {
  readonly notes: Note[] = [];
  /** What was asked last. */
  asked: unknown = null;
  readonly dialogue: Dialogue;

  constructor(readonly side: Side, run: string) {
    this.dialogue = new Dialogue(side.port, run);
    for (const [value, label] of side.world.labels) this.dialogue.label(value, label);
  }

  get world(): World {
    return this.side.world;
  }

  /** A name of this question alone, the same on both sides. */
  readonly named = (name: string): string => this.dialogue.named(name);

  /** Whether a topic, group or transactional id is this question's or of the world: others come and go. */
  knows(name: string | null): boolean {
    return name !== null && (name.endsWith(this.named("")) || this.world.names.has(name));
  }

  /** Asks and notes the answer: the first that is not only for now. */
  async ask<Q, QD, R, RD>(
    label: string,
    api: Api<Q, QD, R, RD>,
    version: number,
    draft: QD,
    isSettled: (answer: R) => boolean = () => true,
  ): Promise<void> {
    this.asked = draft;
    const client = await this.dialogue.main();
    if (isUnanswered(api, draft)) {
      client.post(api, version, draft);
      this.notes.push({ label, answer: "none is due" });
      return;
    }
    const deadlineMs = performance.now() + passingMs;
    let answer = await answerTo(client, api, version, draft);
    while (typeof answer !== "string" && (isPassing(answer) || !isSettled(answer)) && performance.now() < deadlineMs) {
      await pause(10);
      answer = await answerTo(client, api, version, draft);
    }
    this.notes.push({ label, answer: typeof answer === "string" ? answer : this.plain(api, answer) });
  }

  /** What was met where no answer is: the reason why a question could not be put. */
  fail(error: unknown): void {
    this.notes.push({ label: "trouble", answer: error instanceof Error ? error.message : String(error) });
  }

  close(): void {
    this.dialogue.close();
  }

  private plain<Q, QD, R, RD>(api: Api<Q, QD, R, RD>, answer: R): unknown {
    labelChance(this.dialogue, answer);
    return this.dialogue.plain(viewOf(api, answer, this));
  }
}

async function answerTo<Q, QD, R, RD>(
  client: TestClient,
  api: Api<Q, QD, R, RD>,
  version: number,
  draft: QD,
): Promise<R | "closed" | "silence"> {
  const answer = client.send(api, version, draft, { timeoutMs: 10 * silenceMs });
  try {
    return await withTimeout(answer, silenceMs, () => silence);
  } catch (error) {
    if (error instanceof ConnectionClosed) return "closed";
    if (!(error as Error).message.startsWith(silence)) throw error;
    // Nothing that comes later may be taken for the answer to what is asked next.
    answer.catch(() => {});
    client.close();
    return "silence";
  }
}

const silence = "Silence";

/** Produce with acks=0. */
function isUnanswered(api: { readonly key: number }, draft: unknown): boolean {
  return api.key === 0 && (draft as ProduceRequestDraft).acks === 0;
}

/** Whether an answer says, anywhere, that a transaction's end is still on its way. */
function isPassing(answer: unknown): boolean {
  if (answer === null || typeof answer !== "object" || answer instanceof Uint8Array) return false;
  return Object.entries(answer).some(([name, value]) =>
    /errorCode$/i.test(name) ? value === ErrorCode.CONCURRENT_TRANSACTIONS : isPassing(value)
  );
}

/** Ids in base64 that a broker makes up: of a member (ConsumerGroupHeartbeat v0). */
function labelChance(dialogue: Dialogue, answer: unknown): void {
  const { memberId } = answer as { readonly memberId?: string };
  if (memberId !== undefined && /^[\w-]{22}$/.test(memberId)) dialogue.label(memberId, "<member>");
}
