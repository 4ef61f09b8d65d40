/** Makes the pictures of the README from a real run: `deno task screenshots`. Needs Chromium. */
import { fromFileUrl } from "@std/path";
import type { Page } from "playwright-core";
import { Broker } from "../../src/broker/broker.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { MqttJsClients } from "../support/mqtt_js.ts";
import { chromiumPath, TestBrowser } from "./support.ts";

const folder = fromFileUrl(new URL("../../docs/images/", import.meta.url));
const PASSWORD = "a password";
const rooms = ["bathroom", "bedroom", "cellar", "kitchen", "living-room"];
/** The overview draws a point in ten seconds. */
const RUN_MS = 45_000;

/** A house: sensors that publish, one that is refused, and somebody who listens and is away now and then. */
async function live(url: string, clients: MqttJsClients): Promise<() => Promise<void>> {
  const { client: hub } = await clients.connect(url, {
    clientId: "home-assistant",
    username: "hub",
    password: PASSWORD,
  });
  await hub.subscribeAsync("house/#", { qos: 1 });
  const { client: phone } = await clients.connect(url, {
    clientId: "phone",
    username: "ada",
    password: PASSWORD,
    clean: false,
  });
  await phone.subscribeAsync("house/+/door", { qos: 1 });
  await phone.endAsync();
  await clients.connect(url, { clientId: "doorbell", username: "ada", password: "forgotten" }).catch(() => {});
  const sensors = await Promise.all(
    rooms.map(async (room) => ({
      room,
      ...await clients.connect(url, { clientId: `${room}-sensor`, username: room, password: PASSWORD }),
    })),
  );
  let step = 0;
  const publish = async () => {
    step++;
    for (const [at, { room, client }] of sensors.entries()) {
      const degrees = (20 + at + Math.sin(step / 4 + at) * 2).toFixed(1);
      await client.publishAsync(`house/${room}/temperature`, degrees, { qos: 1, retain: true });
      const state = JSON.stringify({ battery: 90 - at, signal: -60 - step % 5, uptime: step });
      await client.publishAsync(`house/${room}/state`, state, { qos: 0 });
      if (step % 10 === at) {
        await client.publishAsync(`house/${room}/door`, step % 20 < 10 ? "open" : "closed", { qos: 1 });
      }
    }
  };
  return publish;
}

/** Takes a picture of what the page shows once the broker has told its figures, while the house goes on. */
async function take(page: Page, name: string, height: number): Promise<void> {
  await page.setViewportSize({ width: 1200, height });
  await publishFor(2500);
  await page.screenshot({ path: `${folder}${name}.png` });
}

async function publishFor(ms: number): Promise<void> {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    await publish();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

if (chromiumPath === undefined) throw new Error("Chromium is not installed");
await Deno.mkdir(folder, { recursive: true });
const scratch = await Deno.makeTempDir();
for (const user of ["hub", "ada", ...rooms]) await setPassword(`${scratch}/users`, user, PASSWORD);
await using broker = new Broker({
  listeners: { tcp: { bind: "127.0.0.1:0" } },
  auth: { passwordFile: `${scratch}/users` },
  persistence: { type: "sqlite", path: `${scratch}/broker.sqlite` },
  admin: { bind: "127.0.0.1:0" },
}, { logger: { debug() {}, info() {}, warn: console.warn, error: console.error } });
await broker.start();
await using clients = new MqttJsClients();
const publish = await live(`mqtt://127.0.0.1:${broker.addresses["tcp"]!.port}`, clients);
await using browser = await TestBrowser.launch();
const page = await browser.open(broker.adminUrl!);
await publishFor(RUN_MS);
await take(page, "overview", 1000);
for (const [view, name, height] of [["topics", "topics", 860], ["client?id=phone", "client", 860]] as const) {
  const path = view === "topics" ? "topics?name=house/kitchen/temperature" : view;
  await page.evaluate((hash) => void (location.hash = hash), `#/${path}`);
  await take(page, name, height);
}
await broker.shutdown();
await Deno.remove(scratch, { recursive: true });
