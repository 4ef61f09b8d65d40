/**
 * A broker with a plugin of its own in one binary, which reads a config file as the command line does.
 *
 *     deno compile -A --output my-broker examples/cookbook/compiled.ts
 *     ./my-broker broker.yaml
 */
import { Broker, checkConfig, definePlugin, loadConfigFile } from "@amqtt/broker";

const greeter = definePlugin({
  name: "greeter",
  create: (_options, context) => ({
    clientConnected: ({ clientIdentifier }) => void context.publish(`greetings/${clientIdentifier}`, "hello"),
  }),
});

const { config, baseDirectory } = await loadConfigFile(Deno.args[0] ?? "broker.yaml");
const broker = new Broker({ ...checkConfig(config), plugins: [greeter] }, { baseDirectory });
await broker.start();
for (const { hostname, port } of Object.values(broker.addresses)) console.log(`mqtt://${hostname}:${port}`);
await new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
});
await broker.shutdown();
Deno.exit();
