/** Types of `expect`, the matchers that Bun's and deno-std's have in common. */

export interface Matchers {
  readonly not: Matchers;
  readonly resolves: AsyncMatchers;
  readonly rejects: AsyncMatchers;
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toStrictEqual(expected: unknown): void;
  toMatchObject(expected: unknown): void;
  toBeNull(): void;
  toBeUndefined(): void;
  toBeDefined(): void;
  toBeTruthy(): void;
  toBeFalsy(): void;
  toBeNaN(): void;
  toBeInstanceOf(expected: unknown): void;
  toBeGreaterThan(expected: number | bigint): void;
  toBeGreaterThanOrEqual(expected: number | bigint): void;
  toBeLessThan(expected: number | bigint): void;
  toBeLessThanOrEqual(expected: number | bigint): void;
  toBeCloseTo(expected: number, digitCount?: number): void;
  toContain(expected: unknown): void;
  toContainEqual(expected: unknown): void;
  toHaveLength(expected: number): void;
  toHaveProperty(path: string | readonly string[], value?: unknown): void;
  toMatch(expected: RegExp | string): void;
  // deno-lint-ignore no-explicit-any -- any constructor of an error
  toThrow(expected?: string | RegExp | (new (...args: any[]) => Error)): void;
}

type AsyncMatchers =
  & {
    [Name in keyof Omit<Matchers, "not" | "resolves" | "rejects">]: (
      ...args: Parameters<Matchers[Name]>
    ) => Promise<void>;
  }
  & { readonly not: AsyncMatchers };

export const expect: {
  (value: unknown, message?: string): Matchers;
  any(type: unknown): unknown;
  anything(): unknown;
  arrayContaining(expected: readonly unknown[]): unknown;
  objectContaining(expected: Record<string, unknown>): unknown;
  stringContaining(expected: string): unknown;
  stringMatching(expected: string | RegExp): unknown;
};
