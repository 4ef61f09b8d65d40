import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { ConfigError } from "../../src/config/config_error.ts";
import { loadConfigFile, type LoadedConfig } from "../../src/config/load.ts";

/** Reads a text as a config file in an environment of its own. */
async function load(text: string, variables: Readonly<Record<string, string>> = {}): Promise<LoadedConfig> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "b.yaml");
    await Deno.writeTextFile(file, text);
    return await loadConfigFile(file, { environment: (name) => variables[name] });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function faults(text: string, environment: (name: string) => string | undefined): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/b.yaml`, text);
    const error = await assertRejects(() => loadConfigFile(`${folder}/b.yaml`, { environment }), ConfigError);
    return error.message.replaceAll(`${folder}/`, "").split("\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The options of a plugin of the user's, which nothing but YAML has read. */
async function option(yaml: string, variables: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { resolved } = await load(`plugins:\n  ./a.ts:\n    x: ${yaml}\n`, variables);
  return (resolved.plugins[0]?.options as { x: unknown }).x;
}

Deno.test("${NAME} in a value stands for an environment variable, anywhere in the text", async () => {
  const { resolved, config } = await load(
    "listeners:\n  a:\n    bind: ${HOST}:${PORT}\nauth:\n  password-file: '${DIR}/users'\n" +
      "topic-check:\n  enabled: on\n  acl:\n    alice: ['${HOME_TOPIC}/#']\n",
    { HOST: "127.0.0.1", PORT: "1884", DIR: "/srv", HOME_TOPIC: "home" },
  );
  assertEquals([resolved.listeners[0]?.hostname, resolved.listeners[0]?.port], ["127.0.0.1", 1884]);
  assertEquals((resolved.plugins[1]?.options as { passwordFile: string }).passwordFile, "/srv/users");
  assertEquals((config["topic-check"] as { acl: unknown }).acl, { alice: ["home/#"] });
});

Deno.test("${NAME:-default} has its default when the variable is not set or empty", async () => {
  assertEquals(await option("${A:-b:c}"), "b:c");
  assertEquals(await option("${A:-b}", { A: "" }), "b");
  assertEquals(await option("${A:-b}", { A: "a" }), "a");
  assertEquals(await option("x${A:-}y"), "xy");
});

Deno.test("a variable without quotes is read as YAML would read its value, with quotes it is text", async () => {
  assertEquals(await option("${A}", { A: "1883" }), 1883);
  assertEquals(await option("${A}${B}", { A: "18", B: "83" }), 1883);
  assertEquals(await option("${A}", { A: "true" }), true);
  assertEquals(await option("${A:-}"), null);
  assertEquals(await option('"${A}"', { A: "1883" }), "1883");
  assertEquals(await option("'${A}'", { A: "true" }), "true");
  assertEquals(await option("|-\n      ${A}", { A: "5" }), "5");
});

Deno.test("what a variable holds makes no structure and is not looked into", async () => {
  for (const text of ["a: b", "[1, 2]", "{a: 1}", "5 # five", "${B}", "*x", "'", "2020-01-01"]) {
    assertEquals(await option("${A}", { A: text, B: "no" }), text);
  }
});

Deno.test("the same text with and without quotes is told apart", async () => {
  const { resolved } = await load("plugins:\n  ./a.ts:\n    x: '${A}'\n    y: ${A}\n    z: ${A}\n", { A: "5" });
  assertEquals({ ...resolved.plugins[0]?.options as object }, { x: "5", y: 5, z: 5 });
});

Deno.test("numbers, sizes, times and flags may come from variables", async () => {
  const { resolved } = await load(
    'queue-limit: ${A}\nmax-packet-size: "${B}"\nstall-timeout: ${C}\nqueue-qos0: ${D}\nlisteners: {a: {bind: "${P}"}}\n',
    { A: "5", B: "1 MiB", C: "1 h", D: "off", P: "1999" },
  );
  const { queueLimit, maxPacketSize, stallTimeout, queueQos0 } = resolved.limits;
  assertEquals([queueLimit, maxPacketSize, stallTimeout, queueQos0], [5, 2 ** 20, 3600, false]);
  assertEquals(resolved.listeners[0]?.port, 1999);
});

Deno.test("$${ stands for ${ as it is, and keys are left alone", async () => {
  assertEquals(await option("a$${A}b", { A: "x" }), "a${A}b");
  assertEquals(await option("$SYS/$A/$$"), "$SYS/$A/$$");
  const { config } = await load("plugins:\n  ./a.ts:\n    ${A}: 1\n", { A: "x" });
  assertEquals(config.plugins, { "./a.ts": { "${A}": 1 } });
});

Deno.test("a variable that is not set, or is written wrongly, is a fault with its place, and the only one", async () => {
  const text = "listeners:\n  a:\n    bind: ${ADDRESS}\nplugins:\n  - ./a.ts\n  - ${PLUGIN}\nauth:\n  " +
    "password-file: ${1X}\nqueue-limit: ${OPEN\n";
  const form = "a variable must be ${NAME} or ${NAME:-default}, or $${ for a ${ as it stands";
  assertEquals(await faults(text, () => undefined), [
    "b.yaml:3:11: listeners.a.bind: the environment variable ADDRESS is not set: set it, or write ${ADDRESS:-default}",
    "b.yaml:6:5: plugins[1]: the environment variable PLUGIN is not set: set it, or write ${PLUGIN:-default}",
    `b.yaml:8:18: auth.password-file: ${form}: got "\${1X}"`,
    `b.yaml:9:14: queue-limit: ${form}: got "\${"`,
  ]);
});

Deno.test("a variable that Deno does not let be read names the permission", async () => {
  const deny = () => {
    throw new Deno.errors.NotCapable("Requires env access");
  };
  assertEquals(await faults("queue-limit: ${N:-5}\n", deny), [
    "b.yaml:1:14: queue-limit: the environment variable N may not be read: run with --allow-env=N",
  ]);
});

Deno.test("a file without variables asks nothing of the environment", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/b.yaml`, "queue-limit: 5\nplugins: ['./$a.ts']\n");
    const environment = (name: string) => {
      throw new Error(`asked for ${name}`);
    };
    assertEquals((await loadConfigFile(`${folder}/b.yaml`, { environment })).resolved.limits.queueLimit, 5);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("parts that are there through an alias have their variables replaced, too", async () => {
  const { resolved } = await load(
    "listeners:\n  a: &a\n    bind: ${A}\n    queue-limit: ${N}\n  b:\n    <<: *a\n    bind: ${B}\n",
    { A: "1", B: "2", N: "7" },
  );
  assertEquals(resolved.listeners.map(({ port, limits }) => [port, limits.queueLimit]), [[1, 7], [2, 7]]);
});
