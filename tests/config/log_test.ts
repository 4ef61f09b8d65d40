import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/config/config_error.ts";
import { resolveConfig } from "../../src/config/resolve.ts";

const resolve = (log: unknown, more: object = {}) => resolveConfig({ log, ...more }, { baseDirectory: "/base" });

Deno.test("Without the section, events and warnings are logged as text, and no packets", () => {
  const { log, plugins } = resolve(undefined);
  assertEquals(log, { level: "info", format: "text", packets: "off", excludeSys: true, categories: {} });
  assertEquals(plugins.map(({ specifier }) => specifier), ["event_logger", "broker_sys"]);
});

Deno.test("log.packets: headers loads the packet logger once", () => {
  for (const plugins of [["event_logger"], ["packet_logger"]]) {
    const { plugins: loaded } = resolve({ packets: "headers" }, { plugins });
    assertEquals(loaded.filter(({ specifier }) => specifier === "packet_logger").length, 1);
  }
});

Deno.test("log.exclude-sys: false is handed to both loggers, unless their own options say otherwise", () => {
  const { plugins } = resolve({ "exclude-sys": "no", packets: "headers" }, {
    plugins: { event_logger: { "exclude-sys": true } },
  });
  const options = plugins.filter(({ specifier }) => specifier.endsWith("logger")).map(({ options }) => options);
  assertEquals(options, [{ excludeSys: true }, { excludeSys: false }]);
});

for (
  const [log, text] of [
    [{ level: "loud" }, 'log.level: must be debug, info, warning, error or off: got "loud"'],
    [{ format: "xml" }, 'log.format: must be text or json: got "xml"'],
    [{ packets: "all" }, 'log.packets: must be off or headers: got "all"'],
    [{ levels: {} }, "log.levels: unknown key: did you mean level?"],
    [{ categories: ["store"] }, 'log.categories: must map parts of the broker to levels: got ["store"]'],
    [{ categories: { store: "loud" } }, 'log.categories.store: must be debug, info, warning, error, off: got "loud"'],
    [
      { categories: { stores: "info" } },
      'log.categories.stores: must be connections, listeners, store, plugins or plugins.NAME: got "stores"',
    ],
    ["debug", 'log: must be a mapping of keys to values: got "debug"'],
  ] as const
) {
  Deno.test(`the config says of ${JSON.stringify(log)} what is wrong`, () => {
    assertEquals(assertThrows(() => resolve(log), ConfigError).message, text);
  });
}
