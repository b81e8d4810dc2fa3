/**
 * How many batches, or wrappers of messages, had their records looked at in this process. The broker passes records on as
 * they are; a test holds it to that (`tests/unit/server/decode_count_test.ts`).
 */
export const decodeCount: { batches: number } = { batches: 0 };
