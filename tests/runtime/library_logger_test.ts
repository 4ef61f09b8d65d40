/** Where the log goes if the program gives no logger: to LogTape once that is configured, and until then to the console. */
import { assertEquals, assertMatch } from "@std/assert";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { libraryLogger } from "../../src/runtime/environment.ts";

function collecting() {
  const lines: string[] = [];
  const output = {
    warn: (line: string) => void lines.push(`warn ${line}`),
    error: (line: string) => void lines.push(`error ${line}`),
  };
  return { lines, logger: libraryLogger(output) };
}

Deno.test("Warnings and errors go to the console as long as LogTape is not configured, once with advice", () => {
  const { lines, logger } = collecting();
  const child = logger.child!("connections");
  child.debug("quiet");
  child.info("quiet");
  assertEquals(lines, []);
  child.warn("a {brace}");
  logger.error("b");
  const [advice, ...others] = lines;
  assertMatch(advice ?? "", /^warn amqtt: .* LogTape's category "amqtt" .* a logger$/);
  assertEquals(others, ["warn amqtt.connections: warning: a {brace}", "error amqtt: error: b"]);
});

Deno.test("Nothing goes to the console once LogTape is configured, for this category or not", async () => {
  const { lines, logger } = collecting();
  const records: LogRecord[] = [];
  const sinks = { kept: (record: LogRecord) => void records.push(record) };
  const meta = { category: ["logtape", "meta"], sinks: [] };
  try {
    await configure({ sinks, loggers: [meta, { category: ["amqtt"], sinks: ["kept"], lowestLevel: "debug" }] });
    logger.child!("store").warn("heard {by} LogTape");
    assertEquals(records.map(({ category, message }) => [category, message.join("")]), [
      [["amqtt", "store"], "heard {by} LogTape"],
    ]);
    await configure({ reset: true, sinks, loggers: [meta, { category: ["other"], sinks: ["kept"] }] });
    logger.error("not wanted");
    assertEquals([records.length, lines], [1, []]);
  } finally {
    await reset();
  }
  logger.warn("again");
  assertEquals(lines.length, 2);
});
