/** From an api's schema: every field of a request in one version, and what else it could say. */

import { defaultOf, isPresent } from "../../../protocol/field_rules.ts";
import type { AnyApi, AnyShape, FieldSpec } from "../../../protocol/schema.ts";
import { type Change, changesOf, type Named } from "./values.ts";

type Struct = Record<string, unknown>;

/** One field of a request, said otherwise. */
export interface Mutation {
  /** Names, and 0 for the first element of an array. */
  readonly path: readonly (string | 0)[];
  readonly change: Change;
  /** The fields on the way, to make what is missing there. */
  readonly specs: readonly FieldSpec[];
}

export function mutationsOf(api: AnyApi, version: number): Mutation[] {
  return inShape(api.request.fields, version, [], []);
}

export function labelOf({ path, change }: Mutation): string {
  return `${path.filter((step) => step !== 0).join(".")} ${change.label}`;
}

/** Whether one of the two is about a part of the other. */
export function areNested(one: Mutation, other: Mutation): boolean {
  return one.path.every((step, index) => index >= other.path.length || other.path[index] === step);
}

/** A request with fields said otherwise; the given one stays as it was. */
export function mutated(draft: Struct, mutations: readonly Mutation[], named: Named): Struct {
  let result: unknown = draft;
  for (const { path, change, specs } of mutations) {
    result = changed(result, path, specs, (value) => change.of(value, named));
  }
  return result as Struct;
}

/** What the version has of a draft, down to its leaves; what the draft leaves out is the field's default. */
export function fitted(api: AnyApi, version: number, draft: object): Struct {
  return fittedStruct(api.request.fields, version, draft as Struct);
}

/** A request of defaults with one element in each array: for an api that nobody has written a base for. */
export function plainest(api: AnyApi, version: number): Struct {
  return plainestStruct(api.request.fields, version);
}

function inShape(
  shape: AnyShape,
  version: number,
  path: readonly (string | 0)[],
  specs: readonly FieldSpec[],
): Mutation[] {
  return Object.entries(shape).flatMap(([name, { spec }]) =>
    isPresent(spec, version) ? inField(name, spec, version, [...path, name], [...specs, spec]) : []
  );
}

function inField(
  name: string,
  spec: FieldSpec,
  version: number,
  path: readonly (string | 0)[],
  specs: readonly FieldSpec[],
): Mutation[] {
  const own = changesOf(name, spec, version).map((change) => ({ path, change, specs }));
  if (spec.kind === "struct") return [...own, ...inShape(spec.fields ?? {}, version, path, specs)];
  if (spec.kind !== "array") return own;
  const element = spec.element!.spec;
  const [inner, innerSpecs] = [[...path, 0 as const], [...specs, element]];
  if (element.kind === "struct") return [...own, ...inShape(element.fields ?? {}, version, inner, innerSpecs)];
  return [...own, ...changesOf(name, element, version).map((change) => ({ path: inner, change, specs: innerSpecs }))];
}

function changed(
  value: unknown,
  [step, ...path]: readonly (string | 0)[],
  [spec, ...specs]: readonly FieldSpec[],
  change: (value: unknown) => unknown,
): unknown {
  if (step === undefined) return change(value);
  const within = (part: unknown) => changed(part ?? missing(spec!), path, specs, change);
  if (step === 0) {
    const [first, ...rest] = value as readonly unknown[];
    return [within(first), ...rest];
  }
  const struct = value as Struct;
  const isLeaf = path.length === 0;
  return { ...struct, [step]: isLeaf ? change(struct[step]) : within(struct[step]) };
}

/** Null has parts too, once one of them is spoken of. */
function missing(spec: FieldSpec): unknown {
  if (spec.kind === "array") return [];
  return spec.kind === "struct" ? defaultOf({ ...spec, defaultValue: undefined } as FieldSpec)() : defaultOf(spec)();
}

function fittedStruct(shape: AnyShape, version: number, draft: Struct): Struct {
  const struct: Struct = {};
  for (const [name, { spec }] of Object.entries(shape)) {
    if (isPresent(spec, version)) struct[name] = fittedValue(spec, version, draft[name]);
  }
  return struct;
}

function fittedValue(spec: FieldSpec, version: number, value: unknown): unknown {
  if (value === undefined) return defaultOf(spec)();
  if (value === null) return null;
  if (spec.kind === "struct") return fittedStruct(spec.fields ?? {}, version, value as Struct);
  if (spec.kind !== "array") return value;
  return (value as readonly unknown[]).map((element) => fittedValue(spec.element!.spec, version, element));
}

function plainestStruct(shape: AnyShape, version: number): Struct {
  const struct: Struct = {};
  for (const [name, { spec }] of Object.entries(shape)) {
    if (isPresent(spec, version)) struct[name] = plainestValue(spec, version);
  }
  return struct;
}

function plainestValue(spec: FieldSpec, version: number): unknown {
  if (spec.kind === "array") return [plainestValue(spec.element!.spec, version)];
  if (spec.kind === "struct") return plainestStruct(spec.fields ?? {}, version);
  return defaultOf(spec)();
}
