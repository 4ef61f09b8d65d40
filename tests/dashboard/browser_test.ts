import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { setPassword } from "../../src/plugins/password_file.ts";
import { MqttJsClients } from "../support/mqtt_js.ts";
import { patiently } from "../support/patience.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";
import { Nodes } from "../cluster/nodes.ts";
import { FakeRemote } from "../support/fake_remote.ts";
import { until } from "../support/durable_broker.ts";
import { browserTest, viewsWith } from "./support.ts";

function mqttUrl({ broker }: TestBroker): string {
  return `mqtt://127.0.0.1:${broker.addresses["tcp"]!.port}`;
}

function pageUrl({ broker }: TestBroker): string {
  return broker.adminUrl!.replace(/#.*$/, "");
}

const letAllIn = { plugins: [hooks({ authenticate: () => "allow" as const })] };

/** Waits until a text is to be seen. */
async function sees(page: Page, words: string): Promise<void> {
  await page.getByText(words).first().waitFor();
}

browserTest(
  "somebody signs in, finds a client and its last message, deletes that, and cuts the client off",
  async (browser) => {
    const folder = await Deno.makeTempDir();
    try {
      const passwordFile = `${folder}/users`;
      await setPassword(passwordFile, "ada", "right");
      await using broker = await startBroker({
        auth: { passwordFile },
        admin: { bind: "127.0.0.1:0", users: { ada: "operator" } },
      });
      await using clients = new MqttJsClients();
      const user = { username: "ada", password: "right" };
      const { client } = await clients.connect(mqttUrl(broker), { clientId: "kitchen-sensor", ...user });
      await client.subscribeAsync("house/#", { qos: 1 });
      await client.publishAsync("house/kitchen/temperature", "21.5", { qos: 1, retain: true });
      await using page = await browser.open(pageUrl(broker));
      await signIn(page);
      await findClient(page);
      await findTopic(page);
      await deleteRetained(page, broker);
      const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
      await cutOff(page);
      await patiently("the client's end", closed);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

async function signIn(page: Page): Promise<void> {
  await page.getByLabel("User name").fill("ada");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await sees(page, "the user name or the password is wrong");
  await page.getByLabel("Password").fill("right");
  await page.getByRole("button", { name: "Sign in" }).click();
  await sees(page, "All is well");
}

async function findClient(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Clients" }).click();
  await page.getByRole("table").getByRole("link", { name: "kitchen-sensor" }).click();
  await page.getByRole("cell", { name: "house/#" }).waitFor();
  await sees(page, "subscribed");
}

/** By the keyboard alone, from the tree's first line. */
async function findTopic(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Topics" }).click();
  const tree = page.getByRole("tree");
  await tree.getByText("house").waitFor();
  await tree.focus();
  await page.keyboard.press("ArrowRight");
  await tree.getByText("kitchen").waitFor();
  for (const key of ["ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  await tree.getByText("temperature").waitFor();
  for (const key of ["ArrowDown", "Enter"]) await page.keyboard.press(key);
  await page.getByRole("heading", { name: "house/kitchen/temperature" }).waitFor();
  assertEquals(await page.locator(".payload pre").first().textContent(), "21.5");
  const subscribed = page.locator("section", { has: page.getByRole("heading", { name: "Subscribed" }) });
  assert((await subscribed.textContent())!.includes("kitchen-sensor"));
}

async function deleteRetained(page: Page, { broker }: TestBroker): Promise<void> {
  await page.getByRole("button", { name: "Delete the retained message" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("listitem").getByText("house/kitchen/temperature").waitFor();
  assertEquals((await broker.deleteRetained("#", { dryRun: true })).count, 1, "retained before it was confirmed");
  await dialog.getByRole("button", { name: "Delete 1" }).click();
  await sees(page, "1 retained message was deleted.");
  assertEquals((await broker.deleteRetained("#", { dryRun: true })).count, 0);
}

async function cutOff(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Clients" }).click();
  await page.getByRole("table").getByRole("link", { name: "kitchen-sensor" }).click();
  await page.getByRole("button", { name: "Cut off" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("This cuts the client kitchen-sensor off.").waitFor();
  await dialog.getByRole("button", { name: "Cut off" }).click();
  await sees(page, "kitchen-sensor was cut off.");
}

const HOSTILE = `<img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script>`;

browserTest("markup in payloads, topics, client identifiers and user names is shown as text", async (browser) => {
  await using broker = await startBroker({ auth: letAllIn, admin: { bind: "127.0.0.1:0" } });
  await using clients = new MqttJsClients();
  const topic = `evil ${HOSTILE.replaceAll("/", "-")}`;
  const clientId = `id ${HOSTILE}`;
  const { client } = await clients.connect(mqttUrl(broker), { clientId, username: HOSTILE, password: "x" });
  await client.subscribeAsync(topic);
  await client.publishAsync(topic, HOSTILE, { qos: 1, retain: true });
  await client.publishAsync("list", JSON.stringify([HOSTILE]), { qos: 1, retain: true });
  await using page = await browser.open(broker.broker.adminUrl!);
  await sees(page, "All is well");
  for (const view of viewsWith(clientId, topic)) {
    await show(page, broker, view);
    const isElsewhere = /^(listeners|bridges|cluster|log|try|settings)$/.test(view);
    if (!isElsewhere) await patiently(`the markup in ${view}`, sees(page, "<img src=x onerror="));
    assertEquals(await page.locator("img, script:not([src])").count(), 0, view);
    assert(!(await page.title()).includes("pwned"), view);
  }
});

browserTest("the page's own policy refuses markup from text", async (browser) => {
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0" } });
  await using page = await browser.open(broker.broker.adminUrl!);
  const outcome = await page.evaluate(() => {
    try {
      // deno-lint-ignore no-explicit-any
      (globalThis as any).document.body.innerHTML = "<b>x</b>";
      return "set";
    } catch (error) {
      return (error as Error).name;
    }
  });
  assertEquals(outcome, "TypeError");
  browser.complaints.length = 0;
});

/** Goes to a view and waits until it has what it shows. */
async function show(page: Page, broker: TestBroker, view: string): Promise<void> {
  await page.goto(`${pageUrl(broker)}#/${view}`);
  await page.locator("main h1").waitFor();
  await page.waitForLoadState("load");
  // The first answers of the API are on the screen.
  await page.getByText("Loading…").first().waitFor({ state: "detached" });
}

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(`every view can be used without seeing it or with a keyboard alone: ${colorScheme}`, async (browser) => {
    await using broker = await startBroker({
      listeners: { tcp: { bind: "127.0.0.1:0" }, ws: { type: "ws", bind: "127.0.0.1:0" } },
      admin: { bind: "127.0.0.1:0" },
    });
    await using clients = new MqttJsClients();
    const { client } = await clients.connect(mqttUrl(broker), { clientId: "sensor" });
    await client.subscribeAsync("house/#");
    for (const value of ["1", "2"]) await client.publishAsync("house/kitchen", value, { qos: 1, retain: true });
    await using page = await browser.open(pageUrl(broker), { colorScheme });
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await assertAccessible(page, "sign-in");
    await page.goto("about:blank");
    await page.goto(broker.broker.adminUrl!);
    await sees(page, "All is well");
    for (const view of viewsWith("sensor", "house/kitchen")) {
      await show(page, broker, view);
      await assertAccessible(page, view);
    }
    // Whoever looks finds something if it is there.
    await page.locator("html").evaluate((html) => html.removeAttribute("lang"));
    assertEquals((await faultsOf(page)).map((fault) => fault.split(":")[0]), ["html-has-lang"]);
  });
}

async function assertAccessible(page: Page, view: string): Promise<void> {
  assertEquals(await faultsOf(page), [], view);
}

async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any
    const { violations } = await (globalThis as any).axe.run();
    return violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) =>
      `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`
    );
  });
}

browserTest("no view is wider than a phone", async (browser) => {
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0" } });
  await using clients = new MqttJsClients();
  const { client } = await clients.connect(mqttUrl(broker), { clientId: "sensor ".repeat(20) });
  await client.publishAsync(`house/${"room".repeat(40)}`, "x".repeat(2000), { qos: 1, retain: true });
  await using page = await browser.open(broker.broker.adminUrl!, { viewport: { width: 360, height: 640 } });
  await sees(page, "All is well");
  for (const view of viewsWith("sensor ".repeat(20), `house/${"room".repeat(40)}`)) {
    await show(page, broker, view);
    assertEquals(await page.locator("html").evaluate(({ scrollWidth }) => scrollWidth), 360, view);
  }
});

browserTest("the page subscribes and publishes as a client of its own", async (browser) => {
  await using broker = await startBroker({
    listeners: { ws: { type: "ws", bind: "127.0.0.1:0" } },
    admin: { bind: "127.0.0.1:0" },
  });
  await using page = await browser.open(broker.broker.adminUrl!);
  await sees(page, "All is well");
  await page.getByRole("link", { name: "Try it" }).click();
  await page.getByLabel("Client").fill("page");
  await page.getByRole("button", { name: "Connect" }).click();
  await sees(page, "Connected as page.");
  await page.getByRole("button", { name: "Subscribe" }).click();
  await sees(page, "Subscribed to # with QoS 0.");
  for (const qos of ["0", "1", "2"]) {
    const form = page.locator("section", { has: page.getByRole("heading", { name: "Publish" }) });
    await form.getByLabel("Topic").fill("greeting");
    await form.getByLabel("Payload").fill(`hello ${qos}`);
    await form.getByLabel("QoS").selectOption(qos);
    await form.getByRole("button", { name: "Publish" }).click();
    await page.locator("pre", { hasText: `hello ${qos}` }).waitFor();
  }
  await sees(page, "The broker has the message to greeting.");
});

browserTest("a trace shows the packets of a client", async (browser) => {
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0" } });
  await using clients = new MqttJsClients();
  const { client } = await clients.connect(mqttUrl(broker), { clientId: "sensor" });
  await using page = await browser.open(broker.broker.adminUrl!);
  await sees(page, "All is well");
  await page.getByRole("link", { name: "Log" }).click();
  await page.getByLabel("Client").fill("sensor");
  const opened = page.waitForResponse((response) => response.url().includes("/streams/trace"));
  await page.getByRole("button", { name: "Start" }).click();
  await opened;
  await client.publishAsync("house/traced", "1", { qos: 1 });
  await page.getByRole("cell", { name: "PUBLISH from the client" }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await sees(page, "The trace has ended.");
});

browserTest("50,000 topics stay in a handful of elements", async (browser) => {
  await using broker = await startBroker({
    maxRetained: 100,
    admin: { bind: "127.0.0.1:0", maxTopics: 60_000 },
  });
  for (let topic = 0; topic < 50_000; topic++) {
    await broker.broker.publish(`many/${String(topic).padStart(5, "0")}`, String(topic));
  }
  await using page = await browser.open(`${broker.broker.adminUrl!}`);
  await sees(page, "All is well");
  await page.getByRole("link", { name: "Topics" }).click();
  await page.getByRole("treeitem").getByText("many").click();
  await page.getByRole("treeitem").getByText("00000").first().waitFor();
  await page.getByRole("tree").focus();
  for (let presses = 0; presses < 5; presses++) await page.keyboard.press("End");
  assert(await page.getByRole("treeitem").count() < 100, "lines out of sight are in the document");
  await page.getByLabel("Search topics").fill("49999");
  await page.getByRole("treeitem").getByText("many/49999").click();
  await page.getByRole("heading", { name: "many/49999" }).waitFor();
});

browserTest("somebody sees how a bridge is doing, pauses it and resumes it", async (browser) => {
  await using remote = new FakeRemote();
  await using broker = await startBroker({
    bridges: { cloud: { address: remote.address, topics: [{ filter: "house/#" }] } },
    admin: { bind: "127.0.0.1:0" },
  });
  const isIn = (state: string) => () => broker.broker.bridges()[0]!.state === state;
  await until("the bridge is connected", isIn("connected"));
  await using page = await browser.open(broker.broker.adminUrl!);
  await sees(page, "All is well");
  await page.getByRole("link", { name: "Bridges" }).click();
  const row = page.getByRole("row", { name: "cloud" });
  await row.getByRole("cell", { name: "connected", exact: true }).waitFor();
  await row.getByRole("cell", { name: remote.address }).waitFor();
  await assertAccessible(page, "bridges");
  await confirm(page, "Pause", "This ends the connection of cloud.");
  await sees(page, "cloud is paused.");
  await row.getByRole("cell", { name: "paused", exact: true }).waitFor();
  assert(isIn("paused")());
  await broker.broker.publish("house/door", "open", { qos: 1 });
  await row.getByRole("cell", { name: "1", exact: true }).waitFor();
  await confirm(page, "Resume", "This connects cloud at once");
  await row.getByRole("cell", { name: "connected", exact: true }).waitFor();
  await until("what waited has crossed", () => remote.payloads[0] === "open");
  await row.getByRole("link", { name: "bridge:cloud" }).click();
  await sees(page, "the bridge is paused");
});

browserTest(
  "somebody sees the nodes of a cluster and the links between them, and without one is told so",
  async (browser) => {
    await using nodes = await Nodes.start(2, { config: { admin: { bind: "127.0.0.1:0" } } });
    await using page = await browser.open(nodes.all[0]!.broker.adminUrl!);
    await page.getByRole("link", { name: "Cluster" }).click();
    await page.getByRole("heading", { name: nodes.name }).waitFor();
    await page.getByRole("row", { name: "b linked" }).waitFor();
    await nodes.shardsShared("a", "b");
    for (const node of ["a", "b"]) await page.getByRole("row", { name: new RegExp(`^${node} \\d\\d \\d`) }).waitFor();
    await assertAccessible(page, "cluster");
    await using alone = await startBroker({ admin: { bind: "127.0.0.1:0" } });
    await using other = await browser.open(alone.broker.adminUrl!);
    await other.getByRole("link", { name: "Cluster" }).click();
    await sees(other, "This broker is no node of a cluster");
  },
);

/** Presses a button, and another one in the question that comes. */
async function confirm(page: Page, name: string, question: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(question).waitFor();
  await dialog.getByRole("button", { name, exact: true }).click();
}
