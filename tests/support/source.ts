/** Our own source files as data, for the house rules. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./broker.ts";

export interface SourceFile {
  /** From the root of the repository, with "/". */
  readonly path: string;
  /** The first folder, or "" at the root. */
  readonly folder: string;
  readonly text: string;
  /** The text with comments and the insides of strings blanked: same length, same lines. */
  readonly code: string;
}

const skipped = new Set(["node_modules", "dist", "weir-data", ".git", ".cache"]);

/** Every TypeScript file of ours, declarations left out. */
export function sourceFiles(): SourceFile[] {
  return list("").filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts")).map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
    return { path, folder, text, code: blank(text) };
  });
}

/** Modules a file imports or re-exports, as written. */
export function importsOf({ text, code }: SourceFile): string[] {
  const found: string[] = [];
  for (const match of code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])/g)) {
    const start = match.index + match[0].length;
    found.push(text.slice(start, text.indexOf(match[1] as string, start)));
  }
  return found;
}

/** Where in the file position `index` is, as "path:line". */
export function placeOf(file: SourceFile, index: number): string {
  return `${file.path}:${file.text.slice(0, index).split("\n").length}`;
}

function list(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? list(path) : [path];
  });
}

/**
 * Replaces what is not code by spaces. A small scanner, not a parser: a "/" after an operator or an opening bracket
 * begins a regular expression, all others divide.
 */
export function blank(text: string): string {
  const out = text.split("");
  const templates: number[] = []; // depth of braces inside each open template literal's ${…}
  let at = 0;
  let last = "";

  const erase = (start: number, end: number) => {
    for (let index = start; index < end; index++) if (out[index] !== "\n") out[index] = " ";
  };
  const endOfString = (quote: string, start: number) => {
    let index = start;
    while (index < text.length && text[index] !== quote && text[index] !== "\n") index += text[index] === "\\" ? 2 : 1;
    return index;
  };
  const endOfRegExp = (start: number) => {
    let isInClass = false;
    let index = start;
    for (; index < text.length && text[index] !== "\n"; index++) {
      const char = text[index];
      if (char === "\\") index++;
      else if (char === "[") isInClass = true;
      else if (char === "]") isInClass = false;
      else if (char === "/" && !isInClass) break;
    }
    return index;
  };
  const template = (start: number) => {
    let index = start;
    for (; index < text.length && text[index] !== "`"; index++) {
      if (text[index] === "\\") index++;
      else if (text[index] === "$" && text[index + 1] === "{") {
        templates.push(0);
        erase(start, index);
        return index + 2;
      }
    }
    erase(start, index);
    return index + 1;
  };

  while (at < text.length) {
    const char = text[at] as string;
    const two = text.slice(at, at + 2);
    let next = at + 1;
    if (two === "//") {
      next = text.indexOf("\n", at);
      if (next < 0) next = text.length;
      erase(at, next);
    } else if (two === "/*") {
      next = text.indexOf("*/", at + 2) + 2;
      if (next < 2) next = text.length;
      erase(at, next);
    } else if (char === '"' || char === "'") {
      next = endOfString(char, at + 1) + 1;
      erase(at + 1, next - 1);
      last = char;
    } else if (char === "`") {
      next = template(at + 1);
      last = char;
    } else if (char === "/" && (last === "" || "(,=:[!&|?{};>+-*%~^<".includes(last))) {
      next = endOfRegExp(at + 1) + 1;
      erase(at + 1, next - 1);
      last = "/";
    } else {
      const depth = templates.at(-1);
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1;
      else if (depth !== undefined && char === "}") {
        if (depth === 0) {
          templates.pop();
          next = template(at + 1);
        } else templates[templates.length - 1] = depth - 1;
      }
      if (!/\s/.test(char)) last = char;
    }
    at = next;
  }
  return out.join("");
}
