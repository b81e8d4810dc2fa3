import { describe, expect, test } from "bun:test";
import { KEY_CHARACTERS_MAX, Sensors, SENSORS_MAX } from "../../../../server/quotas/sensors.ts";

const hourMs = 3_600_000;

function numbered(): Sensors<number> {
  let made = 0;
  return new Sensors(() => ++made);
}

describe("sensors", () => {
  test("are kept for an hour after they were last used", () => {
    const sensors = numbered();
    expect(sensors.get("a", 0)).toBe(1);
    expect(sensors.get("a", hourMs)).toBe(1);
    expect(sensors.get("a", 2 * hourMs)).toBe(1);
    expect(sensors.get("a", 3 * hourMs + 1)).toBe(2);
  });

  test("of clients that do not come back make room when others come", () => {
    const sensors = numbered();
    for (let index = 0; index < 10_000; index++) sensors.get(`client-${index}`, index);
    sensors.get("client-7", hourMs);
    expect(sensors.count).toBe(10_000);
    sensors.get("another", 2 * hourMs);
    expect(sensors.count).toBe(2);
    expect(sensors.get("client-7", 2 * hourMs)).toBe(8);
  });

  test("are so many at most: those unused for longest go", () => {
    const sensors = numbered();
    for (let index = 0; index < SENSORS_MAX; index++) sensors.get(`client-${index}`, index);
    sensors.get("client-0", SENSORS_MAX);
    sensors.get("another", SENSORS_MAX);
    expect(sensors.count).toBe(SENSORS_MAX);
    expect(sensors.get("client-0", SENSORS_MAX)).toBe(1);
    expect(sensors.get("client-1", SENSORS_MAX)).toBe(SENSORS_MAX + 2);
  });

  test("of long client ids are fewer", () => {
    const sensors = numbered();
    for (let index = 0; index < 600; index++) sensors.get(`${index}`.padEnd(32_767, "x"), index);
    expect(sensors.count * 32_767).toBeLessThanOrEqual(KEY_CHARACTERS_MAX);
    expect(sensors.count).toBeGreaterThan(200);
  });
});
