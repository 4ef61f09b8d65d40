import { assertEquals } from "@std/assert";
import { needingRestart } from "../../src/broker/restart_report.ts";
import type { BrokerConfig } from "../../src/config/config.ts";
import { isQuantity } from "../../src/config/keys.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { toHyphens } from "../../src/config/spelling.ts";
import { capacityKeys, limitKeys } from "../../src/config/limit_table.ts";

const resolved = (config: unknown) => resolveConfig(config, { baseDirectory: "/nowhere" });
const unix = (parts: object): BrokerConfig => ({ listeners: { u: { bind: "unix:/run/m.sock", ...parts } } });
const tcp = (parts: object): BrokerConfig => ({ listeners: { t: { bind: "127.0.0.1:1883", ...parts } } });
const bridge = (more: object): BrokerConfig => ({
  bridges: { b: { address: "remote.example.org", topics: [{ filter: "#" }], ...more } },
});
const certificate = { ssl: true, certfile: "c", keyfile: "k" };

for (
  const [before, after, expected] of [
    [unix({}), unix({ socketMode: "0660" }), "listeners.u.socket-mode"],
    [unix({ socketMode: "0600" }), unix({ socketMode: "0660" }), "listeners.u.socket-mode"],
    [unix({}), unix({ bind: "unix:/run/n.sock" }), "listeners.u.bind"],
    [unix({}), unix({ bind: 1883 }), "listeners.u.bind"],
    [tcp({}), tcp({ bind: "127.0.0.2:1884" }), "listeners.t.bind"],
    [tcp({}), tcp({ maxConnections: 5 }), "listeners.t.max-connections"],
    [tcp({}), tcp(certificate), "listeners.t.ssl"],
    [tcp(certificate), tcp({ ...certificate, keyfile: "other" }), "listeners.t.keyfile"],
    [tcp({}), unix({}), "listeners.t,listeners.u"],
    [{}, { maxSessionsPerUser: 5 }, "max-sessions-per-user"],
    [{}, { maxSessionsPerAddress: 5 }, "max-sessions-per-address"],
    [{}, { maxTotalBytes: "512 MiB" }, "max-total-bytes"],
    [{}, { persistence: { type: "sqlite" } }, "persistence"],
    [{ persistence: { type: "sqlite" } }, { persistence: { type: "sqlite", commit: "os" } }, "persistence.commit"],
    [{ auth: { allowAnonymous: true } }, { auth: { allowAnonymous: true, passwordFile: "p" } }, "auth"],
    [{ plugins: ["./a.ts", "./b.ts"] }, { plugins: ["./b.ts", "./a.ts"] }, "plugins"],
    [{ plugins: ["./a.ts"] }, { plugins: ["./a.ts", "./b.ts"] }, "plugins"],
    [{}, { log: { excludeSys: false } }, "log.exclude-sys"],
    [{}, { log: { packets: "headers" } }, "log.packets"],
    [{}, bridge({}), "bridges.b"],
    [bridge({}), bridge({ keepAlive: 5 }), "bridges.b"],
    [bridge({}), bridge({}), ""],
    [tcp({}), tcp({}), ""],
  ] as readonly (readonly [BrokerConfig, BrokerConfig, string])[]
) {
  Deno.test(`${JSON.stringify(before)} that becomes ${JSON.stringify(after)} needs a restart for: ${expected}`, () => {
    assertEquals(needingRestart(resolved(before), resolved(after), []).join(","), expected);
  });
}

for (const [name, key] of Object.entries({ ...capacityKeys, ...limitKeys })) {
  if (!isQuantity(key)) continue;
  Deno.test(`a changed ${toHyphens(name)} needs a restart`, () => {
    const { minimum, aboveMinimum } = key.quantity;
    const other = minimum === key.default || aboveMinimum ? minimum + 1 : minimum;
    assertEquals(needingRestart(resolved({}), resolved({ [name]: other }), []), [toHyphens(name)]);
  });
}
