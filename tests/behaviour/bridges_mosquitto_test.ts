/** Bridges of this broker to the real `mosquitto`, skipped where it is not installed. */
import { assertEquals } from "@std/assert";
import { until } from "../support/durable_broker.ts";
import { patiently } from "../support/patience.ts";
import { startBroker } from "../support/test_broker.ts";

function isInstalled(): boolean {
  try {
    new Deno.Command("mosquitto", { args: ["-h"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

/** A port for a program that cannot pick one itself. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function run(program: string, port: number, ...args: string[]): Promise<string> {
  const where = ["-h", "127.0.0.1", "-p", `${port}`];
  const { stdout } = await new Deno.Command(program, { args: [...where, ...args] }).output();
  return new TextDecoder().decode(stdout).trim();
}

for (const version of ["5", "3.1.1"] as const) {
  Deno.test({
    name: `a bridge to mosquitto brings messages both ways, MQTT ${version}`,
    ignore: !isInstalled(),
    async fn() {
      const port = freePort();
      const folder = await Deno.makeTempDir();
      const file = `${folder}/mosquitto.conf`;
      await Deno.writeTextFile(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
      const mosquitto = new Deno.Command("mosquitto", { args: ["-c", file], stdout: "null", stderr: "null" }).spawn();
      try {
        await using here = await startBroker({
          bridges: {
            house: {
              address: `127.0.0.1:${port}`,
              version,
              topics: [{ filter: "house/#", direction: "both", qos: 2, remotePrefix: "far/" }],
            },
          },
        });
        await until("the bridge is connected", () => {
          if (here.broker.bridges()[0]!.state === "waiting") here.clock.advance(1000);
          return here.broker.bridges()[0]!.state === "connected";
        });
        const witness = await here.connect();
        await witness.subscribe("house/#", 2);
        await run("mosquitto_pub", port, "-q", "2", "-t", "far/house/in", "-m", "from mosquitto");
        await witness.takeMessage({ topicName: "house/in", payload: "from mosquitto", qos: 2 });
        await here.broker.publish("house/out", "to mosquitto", { qos: 2, retain: true });
        await witness.takeMessage({ topicName: "house/out" });
        const args = ["-C", "1", "-q", "2", "-F", "%t %p", "-t", "far/house/out"];
        const got = await patiently("mosquitto's message", run("mosquitto_sub", port, ...args));
        assertEquals(got, "far/house/out to mosquitto");
        await until("all is acknowledged", () => here.broker.bridges()[0]!.messagesInflight === 0);
        await witness.expectNothing();
      } finally {
        mosquitto.kill("SIGKILL");
        await mosquitto.status;
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
