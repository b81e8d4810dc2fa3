/**
 * Command lines by a table: `--name VALUE`, `--name=VALUE`, `-n VALUE`, `--flag`, and `--` before what only looks like an
 * option. What is not in the table is refused, so that a typing error never passes for a default.
 */

export interface Option {
  /** One letter. */
  readonly short?: string;
  /** The value's name in the help text; without one the option is a flag. */
  readonly value?: string;
  /** May be given more than once. */
  readonly repeats?: boolean;
  readonly text: string;
}

export type Options = Readonly<Record<string, Option>>;

export class ParsedArgs<Table extends Options = Options> {
  constructor(
    readonly positional: readonly string[],
    readonly values: ReadonlyMap<string, readonly string[]>,
  ) {}

  has(name: keyof Table & string): boolean {
    return this.values.has(name);
  }

  /** The value, or null when the option was not given. */
  get(name: keyof Table & string): string | null {
    return this.values.get(name)?.at(-1) ?? null;
  }

  all(name: keyof Table & string): readonly string[] {
    return this.values.get(name) ?? [];
  }

  /** The value as a whole number. @throws {UsageError} when it is none in the range */
  wholeNumber(name: keyof Table & string, { min, max }: { readonly min: number; readonly max: number }): number | null {
    const text = this.get(name);
    if (text === null) return null;
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`Invalid value "${text}" for --${name}: must be a whole number from ${min} to ${max}`);
  }
}

/** The command line says something that cannot be understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws {UsageError} */
export function parseArgs<const Table extends Options>(args: readonly string[], options: Table): ParsedArgs<Table> {
  const positional: string[] = [];
  const values = new Map<string, string[]>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      positional.push(...args.slice(at + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      positional.push(arg);
      continue;
    }
    const { name, attached } = splitOption(arg, options);
    const option = options[name]!;
    if (values.has(name) && option.repeats !== true) throw new UsageError(`Option "--${name}" is given twice`);
    if (option.value === undefined && attached !== null) throw new UsageError(`Option "--${name}" takes no value`);
    const value = option.value === undefined ? "" : attached ?? args[++at];
    if (value === undefined) throw new UsageError(`Option "--${name}" needs a value: ${option.value}`);
    values.set(name, [...values.get(name) ?? [], value]);
  }
  return new ParsedArgs<Table>(positional, values);
}

/** The table as help text, one option a line. */
export function describeOptions(options: Options): string {
  const rows = Object.entries(options).map(([name, { short, value, text }]) => {
    const left = `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
    return { left, text };
  });
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, text }) => `  ${left.padEnd(width)}  ${text}\n`).join("");
}

// ---------------------------------------------------------------------------------------------- below: how

function splitOption(arg: string, options: Options): { name: string; attached: string | null } {
  if (!arg.startsWith("--")) {
    const name = Object.keys(options).find((name) => options[name]!.short === arg[1]);
    if (name === undefined) throw new UsageError(`Unknown option "${arg}"`);
    return { name, attached: arg.length > 2 ? arg.slice(2) : null };
  }
  const equals = arg.indexOf("=");
  const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
  if (!Object.hasOwn(options, name)) throw new UsageError(`Unknown option "--${name}"`);
  return { name, attached: equals < 0 ? null : arg.slice(equals + 1) };
}
