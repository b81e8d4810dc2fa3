/**
 * What `bun:test` means under `deno test` and to `deno check`: the import map of deno.json points it here.
 *
 * Serves the part of the API that our tests use, on `Deno.test` and the `expect` of deno-std. The types below are the
 * common denominator: a test that checks against them runs on both runtimes. Named so that no runner takes it for a test.
 */

// @ts-types="./deno_std_expect.d.ts"
import { expect as stdExpect } from "deno-std/expect/mod.js";

type Body = () => unknown | Promise<unknown>;
type Options = number | { readonly timeout?: number };

/** Bun's own limit for one test. */
const timeoutMsDefault = 5000;

interface Suite {
  readonly path: readonly string[];
  readonly parent: Suite | null;
  readonly beforeAll: Body[];
  readonly afterAll: Body[];
  readonly beforeEach: Body[];
  readonly afterEach: Body[];
  isSkipped: boolean;
  isReady: boolean;
  testsLeft: number;
}

let current = makeSuite([], null);
const top = current;

/** deno-std compares arrays of bytes element by element, as objects: seconds for a megabyte. */
export const expect: typeof stdExpect = Object.assign((value: unknown, message?: string) => {
  const matchers = stdExpect(value, message);
  if (!(value instanceof Uint8Array)) return matchers;
  const toEqual = (expected: unknown) => {
    if (!(expected instanceof Uint8Array && haveSameBytes(value, expected))) matchers.toEqual(expected);
  };
  return new Proxy(matchers, { get: (target, name) => name === "toEqual" ? toEqual : Reflect.get(target, name) });
}, stdExpect);

export const describe = Object.assign(
  (name: string, body: () => void) => inSuite(name, body, false),
  {
    skip: (name: string, body: () => void) => inSuite(name, body, true),
    skipIf: (isSkipped: boolean) => (name: string, body: () => void) => inSuite(name, body, isSkipped),
    each: eachRow((name, body) => inSuite(name, () => void body(), false)) as Each,
  },
);

interface Each {
  <Row extends readonly [unknown, ...unknown[]]>(rows: readonly Row[]): Registrar<(...row: [...Row]) => unknown>;
  <Row>(rows: readonly Row[]): Registrar<(row: Row) => unknown>;
}
type Registrar<Run> = (name: string, body: Run, options?: Options) => void;

export const test = Object.assign(
  (name: string, body: Body, options?: Options) => register(name, body, options, false),
  {
    skip: (name: string, body?: Body, options?: Options) => register(name, body ?? (() => {}), options, true),
    skipIf: (isSkipped: boolean) => (name: string, body: Body, options?: Options) =>
      register(name, body, options, isSkipped),
    if: (isRun: boolean) => (name: string, body: Body, options?: Options) => register(name, body, options, !isRun),
    each: eachRow((name, body, options) => register(name, body, options, false)) as Each,
  },
);

export const it = test;

export function beforeAll(body: Body, _options?: Options): void {
  current.beforeAll.push(body);
}

export function afterAll(body: Body, _options?: Options): void {
  current.afterAll.push(body);
}

export function beforeEach(body: Body, _options?: Options): void {
  current.beforeEach.push(body);
}

export function afterEach(body: Body, _options?: Options): void {
  current.afterEach.push(body);
}

function makeSuite(path: readonly string[], parent: Suite | null): Suite {
  return {
    path,
    parent,
    beforeAll: [],
    afterAll: [],
    beforeEach: [],
    afterEach: [],
    isSkipped: false,
    isReady: false,
    testsLeft: 0,
  };
}

function inSuite(name: string, body: () => void, isSkipped: boolean): void {
  const outer = current;
  current = makeSuite([...outer.path, name], outer);
  current.isSkipped = isSkipped || outer.isSkipped;
  try {
    body();
  } finally {
    current = outer;
  }
}

function register(name: string, body: Body, options: Options | undefined, isSkipped: boolean): void {
  const suite = current;
  const ignore = isSkipped || suite.isSkipped;
  if (!ignore) { for (const each of lineage(suite)) each.testsLeft += 1; }
  Deno.test({
    name: [...suite.path, name].join(" > "),
    ignore,
    sanitizeOps: false,
    sanitizeResources: false,
    sanitizeExit: false,
    fn: () => runTest(suite, body, typeof options === "number" ? options : options?.timeout ?? timeoutMsDefault),
  });
}

/** `each`, over whatever registers one of them. */
function eachRow(registerOne: Registrar<Body>) {
  return (rows: readonly unknown[]): Registrar<(...values: readonly unknown[]) => unknown> => (name, body, options) =>
    rows.forEach((row, index) => {
      const values: readonly unknown[] = Array.isArray(row) ? row : [row];
      registerOne(formatName(name, values, index), () => body(...values), options);
    });
}

async function runTest(suite: Suite, body: Body, timeoutMs: number): Promise<void> {
  const suites = lineage(suite);
  try {
    for (const each of suites) {
      if (!each.isReady) {
        each.isReady = true;
        for (const hook of each.beforeAll) await hook();
      }
    }
    for (const each of suites) for (const hook of each.beforeEach) await hook();
    await withTimeout(body, timeoutMs);
  } finally {
    for (const each of suites.toReversed()) for (const hook of each.afterEach) await hook();
    for (const each of suites.toReversed()) {
      each.testsLeft -= 1;
      if (each.testsLeft === 0) { for (const hook of each.afterAll) await hook(); }
    }
  }
}

async function withTimeout(body: Body, timeoutMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The test did not end within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([body(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function haveSameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** From the file's own suite down to `suite`. */
function lineage(suite: Suite): Suite[] {
  const suites: Suite[] = [];
  for (let each: Suite | null = suite; each !== null; each = each.parent) suites.unshift(each);
  return suites.length > 0 ? suites : [top];
}

function formatName(name: string, values: readonly unknown[], index: number): string {
  let next = 0;
  return name.replace(/%([sdifpjo#%])/g, (_, kind: string) => {
    if (kind === "%") return "%";
    if (kind === "#") return String(index);
    const value = values[next++];
    return kind === "j" || kind === "o" || kind === "p" ? JSON.stringify(value) : String(value);
  });
}
