/** Bars in SVG: for each figure Weir's and Kafka's, on a scale of its own, with the spread over the rounds. */

import { type Compared, numberText, ratioText } from "./comparison.ts";

const width = 1040;
const labelWidth = 580;
const barWidth = 300;
const barHeight = 9;
const rowHeight = 30;
const top = 56;
const bottom = 14;

/** Muted for Kafka, and readable on white and on dark pages. */
const colours = { weir: "#2f7fd1", kafka: "#a8a29a", floor: "#c2410c", text: "#6b7280", line: "#374151" } as const;

export function chart(title: string, subtitle: string, figures: readonly Compared[]): string {
  const height = top + figures.length * rowHeight + bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(12, 20, title, { size: 15, weight: "bold", colour: colours.line }),
    text(12, 38, subtitle, {}),
    legend(width - 160, 15, colours.weir, "Weir"),
    legend(width - 80, 15, colours.kafka, "Kafka"),
    figures.some(({ floor }) => floor !== null) ? legend(width - 310, 15, colours.floor, "a stub (the floor)") : "",
    ...figures.map((figure, index) => bars(figure, top + index * rowHeight)),
    "</svg>",
    "",
  ].join("\n");
}

function bars({ figure, weir, kafka, floor, ratio, isMet }: Compared, y: number): string {
  const full = Math.max(weir.max, kafka.max) || 1;
  const scaled = (value: number) => (labelWidth + value / full * barWidth).toFixed(1);
  const bar = (value: number, min: number, max: number, at: number, colour: string) =>
    `<rect x="${labelWidth}" y="${at}" width="${
      (value / full * barWidth).toFixed(1)
    }" height="${barHeight}" fill="${colour}"/>` +
    `<line x1="${scaled(min)}" x2="${scaled(max)}" y1="${at + barHeight / 2}" y2="${
      at + barHeight / 2
    }" stroke="${colours.line}"/>`;
  const mark = isMet === null ? "" : isMet ? " ✓" : " ✗";
  return [
    text(labelWidth - 8, y + 13, figure, { anchor: "end", colour: colours.line, size: 11 }),
    bar(weir.value, weir.min, weir.max, y, colours.weir),
    bar(kafka.value, kafka.min, kafka.max, y + barHeight + 1, colours.kafka),
    floor === null ? "" : tick(Number(scaled(floor.value)), y),
    text(labelWidth + barWidth + 8, y + 9, `${numberText(weir.value)} ${weir.unit}`, { size: 10 }),
    text(labelWidth + barWidth + 8, y + 20, `${numberText(kafka.value)} ${kafka.unit}`, { size: 10 }),
    text(width - 8, y + 14, `${ratioText(ratio)}${mark}`, { anchor: "end", weight: "bold", colour: colours.line }),
  ].join("\n");
}

/** Across both bars. */
function tick(x: number, y: number): string {
  return `<rect x="${x - 1}" y="${y - 2}" width="3" height="${2 * barHeight + 5}" fill="${colours.floor}"/>`;
}

function legend(x: number, y: number, colour: string, name: string): string {
  return `<rect x="${x}" y="${y - 9}" width="12" height="12" fill="${colour}"/>${text(x + 17, y + 1, name, {})}`;
}

function text(
  x: number,
  y: number,
  content: string,
  { anchor = "start", size = 12, weight = "normal", colour = colours.text as string },
): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${colour}">${
    escaped(content)
  }</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
