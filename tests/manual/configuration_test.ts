import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import configuration from "../../deno.json" with { type: "json" };
import { keyEntries } from "../../src/config/keys.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { bundledPluginNames } from "../../src/plugins/bundled.ts";
import { readManual, root } from "./manual.ts";

const manual = await readManual();

function pageAt(path: string): string {
  return manual.find((page) => page.path === path)!.text;
}

/** Cells of the rows of the first table behind a text; none if the page does not have the text. */
function rowsAfter(text: string, page: string): readonly (readonly string[])[] {
  const start = page.indexOf(text);
  const table = start < 0 ? "" : page.slice(start).split("\n\n").find((part) => part.startsWith("| ")) ?? "";
  return table.trim().split("\n").slice(2).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("the page about plugins lists every bundled plugin, and its export is there", () => {
  const rows = rowsAfter("| Bundled plugin", pageAt("docs/plugins.md"));
  assertEquals(rows.map(([name]) => name).sort(), bundledPluginNames.map((name) => `\`${name}\``).sort());
  const exports: Readonly<Record<string, string>> = configuration.exports;
  for (const [, , specifier] of rows) {
    const name = specifier!.replaceAll("`", "").replace(configuration.name, ".");
    assert(exports[name] !== undefined, `deno.json has no export ${name}`);
  }
});

/** Whose keys stand below a key at the top, where that is not a section of this name. */
const sectionsBelow: Readonly<Record<string, readonly string[]>> = {
  listeners: ["listener"],
  bridges: ["bridge", "bridge-topic"],
};

Deno.test("examples/broker.yaml starts as it stands and shows every key in its place", async () => {
  const file = join(root, "examples", "broker.yaml");
  const { resolved } = await loadConfigFile(file);
  assertEquals(resolved.listeners.every(({ hostname }) => hostname === "127.0.0.1"), true);
  const lines = (await Deno.readTextFile(file)).split("\n").map((line) => line.replace(/^( *)# /, "$1"));
  const places: Record<string, string[]> = {
    broker: [],
    listener: [],
    auth: [],
    "topic-check": [],
    persistence: [],
    bridge: [],
    "bridge-topic": [],
    cluster: [],
    log: [],
    admin: [],
  };
  let top = "";
  for (const line of lines) {
    const found = /^( *)(?:- )?([a-z][a-z0-9-]*):(?: |$)/.exec(line);
    if (found === null) continue;
    const [, indent, key] = found;
    if (indent === "") {
      top = key!;
      places.broker!.push(key!);
    } else {
      for (const place of sectionsBelow[top] ?? [top]) places[place]?.push(key!);
    }
  }
  for (const { section, key } of keyEntries) {
    const place = section === "cluster-log" ? "cluster" : section;
    assert(places[place]!.includes(key), `${section} does not show ${key}`);
  }
});

for (const name of ["acl.yaml", "broker.yaml", "container.yaml", "custom_plugin.yaml"]) {
  Deno.test(`examples/${name} is a config without faults and warnings`, async () => {
    assertEquals((await loadConfigFile(join(root, "examples", name))).warnings, []);
  });
}

Deno.test("the manual's commands name the Deno version that everything is checked with", async () => {
  const versions = new Set(
    manual.flatMap(({ text }) => [...text.matchAll(/deno@([\d.]+)/g)].map(([, version]) => version)),
  );
  const checked = /^readonly deno_version=(.+)$/m.exec(await Deno.readTextFile(join(root, ".ci", "run")))?.[1];
  assertEquals([...versions], [checked]);
});

Deno.test("the examples for systemd and containers name what is there", async () => {
  const read = (name: string) => Deno.readTextFile(join(root, "examples", name));
  const [unit, dockerfile, compose] = await Promise.all(
    ["amqtt-broker.service", "Dockerfile", "compose.yaml"].map(read),
  );
  assert(/^Type=notify$/m.test(unit!) && /^WatchdogSec=\d+$/m.test(unit!), unit);
  const checked = /^readonly deno_version=(.+)$/m.exec(await Deno.readTextFile(join(root, ".ci", "run")))?.[1];
  assert(dockerfile!.includes(`denoland/deno:debian-${checked} `), dockerfile);
  // The binary is what the task makes, and the context holds what the task needs.
  const [, task] = /^RUN deno task (\w+)$/m.exec(dockerfile!)!;
  const made = /--output (\S+)/.exec((configuration.tasks as Readonly<Record<string, string>>)[task!]!)?.[1];
  assert(dockerfile!.includes(`COPY --from=build /build/${made} /usr/local/bin/${made}\n`), dockerfile);
  assert(dockerfile!.includes(`ENTRYPOINT ["${made}"]`), dockerfile);
  const kept = (await read("Dockerfile.dockerignore")).trim().split("\n");
  assertEquals(
    kept.filter((pattern) => [...configuration.workspace, "src", ".jsr"].some((path) => path.endsWith(pattern))),
    [],
  );
  const { services } = parse(compose!) as { services: { broker: { volumes: string[] } } };
  for (const volume of services.broker.volumes) {
    const [from] = volume.split(":");
    if (from!.startsWith("./")) await Deno.stat(join(root, "examples", from!));
  }
});

Deno.test("the example for a cluster in containers names what is there, and its nodes' certificates are made", async () => {
  const folder = join(root, "examples", "cluster");
  const { services } = parse(await Deno.readTextFile(join(folder, "compose.yaml"))) as {
    services: Record<string, { volumes: string[]; environment?: { NODE: string }; entrypoint?: string[] }>;
  };
  for (const volume of Object.values(services).flatMap(({ volumes }) => volumes)) {
    const [from] = volume.split(":");
    if (from!.startsWith(".")) await Deno.stat(join(folder, from!));
  }
  const nodes = Object.values(services).flatMap(({ environment }) => environment?.NODE ?? []);
  assertEquals(nodes, ["a", "b", "c"]);
  assertEquals(services.certificates!.entrypoint!.slice(3), nodes);
  const made = await Deno.makeTempDir();
  try {
    const args = [join(folder, "certificates.sh"), made, ...nodes];
    for (let time = 0; time < 2; time++) {
      const { success, stderr } = await new Deno.Command("sh", { args, stdout: "null" }).output();
      assert(success, new TextDecoder().decode(stderr));
    }
    const names = Array.from(Deno.readDirSync(made), ({ name }) => name).filter((name) => /^[abc]\./.test(name));
    assertEquals(names.sort(), ["a.key", "a.pem", "b.key", "b.pem", "c.key", "c.pem"]);
  } finally {
    await Deno.remove(made, { recursive: true });
  }
});
