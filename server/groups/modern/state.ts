/**
 * The words that groups of the newer protocols have in common: consumer groups (KIP-848), share groups (KIP-932) and streams
 * groups (KIP-1071). Values only.
 *
 *     group epoch        grows with whatever may call for another assignment
 *     assignment epoch   the group epoch that the target assignment was made for
 *     member epoch       the assignment epoch that a member has come to
 *
 * A request is answered under its ticket, a number the caller chose.
 */
export type Ticket = number;

/** As sentences about a group name it. */
export type GroupKind = "consumer" | "share" | "streams";

export interface ModernGroup<Member, Target> {
  readonly groupId: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  /** When the target assignment was made; 0 when it is not known, or there is none. */
  readonly assignmentTimestampMs: number;
  /** Of the topics that the group reads, as they were when the group epoch was last raised. */
  readonly metadataHash: bigint;
  readonly members: ReadonlyMap<string, Member>;
  readonly targets: ReadonlyMap<string, Target>;
  /** Deleted, or made a classic group: nothing may happen to it any more. */
  readonly isDead: boolean;

  // Not in the log.
  /** Topics may have changed since they were last looked at. */
  readonly isRefreshDue: boolean;
}

export interface ModernMember {
  readonly memberId: string;
  /** -2: a static member that has left and is expected back. */
  readonly epoch: number;
  readonly previousEpoch: number;
}

/** Member epochs that are not epochs. */
export const JOINING_EPOCH = 0;
export const LEAVING_EPOCH = -1;
export const STATIC_LEAVING_EPOCH = -2;

// ---------------------------------------------------------------------------------------------- surroundings

export interface StepContext<Rules> {
  readonly nowMs: number;
  readonly rules: Rules;
  readonly topics: GroupTopics;
}

export interface GroupTopic {
  readonly id: string;
  readonly name: string;
  readonly partitionCount: number;
}

/** The cluster's topics, as far as groups need them. */
export interface GroupTopics {
  topic(name: string): GroupTopic | undefined;
  topicById(id: string): GroupTopic | undefined;
  /** Changes when the topic becomes another, or gets more partitions. Of topics that are there. */
  hashOf(name: string): bigint;
  /** Grows with every change of the metadata. */
  readonly version: number;
  /** The version with which the newest topic came. */
  readonly newTopicsVersion: number;
}

// ---------------------------------------------------------------------------------------------- effects

/** What a step may ask for, whatever the protocol. */
export type ModernEffect<Event, Part, Answer, Timer extends string> =
  | PersistEffect<Part>
  | { readonly kind: "answer"; readonly ticket: Ticket; readonly answer: Answer }
  /** Feeds `event` back after `delayMs`, unless the timer is started again or cancelled before. */
  | {
    readonly kind: "startTimer";
    readonly timer: Timer;
    readonly delayMs: number;
    readonly event: Event;
    /** One that runs goes on. */
    readonly isKept?: boolean;
  }
  | { readonly kind: "cancelTimer"; readonly timer: Timer }
  | NoteEffect;

/** Writes the records, in order. Answers of the same step, and of later ones, wait for it. */
export interface PersistEffect<Part> {
  readonly kind: "persist";
  readonly records: readonly Part[];
}

export interface NoteEffect {
  readonly kind: "note";
  readonly event: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

/** Parts of a group as the log is told of them; null when there is no such part any more. */
export type ModernPart<Member, Target> =
  | { readonly kind: "member"; readonly memberId: string; readonly value: Member | null }
  | { readonly kind: "target"; readonly value: { readonly epoch: number; readonly timestampMs: number } | null }
  | { readonly kind: "memberTarget"; readonly memberId: string; readonly value: Target | null }
  | { readonly kind: "memberCurrent"; readonly memberId: string; readonly value: Member | null };
