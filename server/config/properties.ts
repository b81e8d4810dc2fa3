/**
 * Java's properties files, as `server.properties` is one: `name=value`, `name: value` or `name value`; `#` and `!` begin
 * a comment; a line that ends in a backslash goes on in the next, whose indent is dropped; `\n \t \r \f \uXXXX` are
 * characters, before any other one a backslash only takes away its meaning.
 */

export interface Property {
  readonly name: string;
  readonly value: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
}

export function parseProperties(text: string): Property[] {
  const properties: Property[] = [];
  const lines = text.split(/\r\n|\r|\n/);
  for (let at = 0; at < lines.length; at++) {
    const first = at;
    let part = withoutIndent(lines[at]!);
    if (part === "" || part.startsWith("#") || part.startsWith("!")) continue;
    // Parts are looked at once and joined at the end: a file of many continued lines takes no longer than another.
    const parts: string[] = [];
    while (endsInContinuation(part)) {
      parts.push(part.slice(0, -1));
      part = withoutIndent(lines[++at] ?? "");
    }
    parts.push(part);
    properties.push({ ...split(parts.join("")), line: first + 1 });
  }
  return properties;
}

// ---------------------------------------------------------------------------------------------- below: how

const BACKSLASH = 0x5c;
const escaped: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function withoutIndent(line: string): string {
  return line.replace(/^[ \t\f]+/, "");
}

/** An odd number of backslashes: an even one is backslashes that are meant. */
function endsInContinuation(line: string): boolean {
  let start = line.length;
  while (line.charCodeAt(start - 1) === BACKSLASH) start--;
  return (line.length - start) % 2 === 1;
}

function split(line: string): { name: string; value: string } {
  const name = /^(?:\\.|[^\\=: \t\f])*/s.exec(line)![0];
  const value = line.slice(name.length).replace(/^[ \t\f]*[=:]?[ \t\f]*/, "");
  return { name: unescape(name), value: unescape(value) };
}

function unescape(text: string): string {
  return text.replace(/\\(?:u([0-9A-Fa-f]{4})|(.?))/gs, (_, code: string | undefined, character: string) => {
    return code === undefined ? escaped[character] ?? character : String.fromCharCode(parseInt(code, 16));
  });
}
