import { BrokerProcess } from "./broker_process.ts";
import { Churn } from "./churn.ts";
import { Expiring } from "./expiring.ts";
import { Leaving } from "./leaving.ts";
import { Ledger } from "./ledger.ts";
import { delay, type Part } from "./part.ts";
import { Random } from "../support/random.ts";
import { Retaining } from "./retaining.ts";
import { Stepping } from "./stepping.ts";
import { Traffic } from "./traffic.ts";
import { WallClock } from "./wall_clock.ts";

export interface CrashOptions {
  /** How often the broker is killed. */
  readonly kills: number;
  /** A whole number; the moments of the kills and the clients' choices follow from it. */
  readonly seed: number;
  /** Where database and config are. */
  readonly folder: string;
  /** Told after each restart. */
  readonly log?: (line: string) => void;
}

export interface CrashReport {
  /** Every broken promise; empty: none. */
  readonly faults: readonly string[];
  readonly figures: Ledger["figures"] & {
    readonly kills: number;
    readonly cleanRestarts: number;
    readonly clockSteps: number;
  };
}

/** Every so often the broker is shut down in place of being killed, which must lose nothing either. */
const CLEAN_RESTART_EVERY = 6;

const CONFIG = `
listeners:
  tcp: { bind: 127.0.0.1:0 }
auth: { plugins: [auth.anonymous], allow-anonymous: true }
plugins: []
sys-interval: 0
persistence: { type: sqlite, path: broker.sqlite, commit: disk }
session-expiry-interval: 7 d
max-inflight: 50
queue-limit: 1000000
queue-limit-bytes: 1 GiB
`;

/** Kills the broker again and again while clients use it, and accounts for everything that it acknowledged. */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const { folder } = options;
  await Deno.writeTextFile(`${folder}/broker.yaml`, CONFIG);
  const clock = new WallClock(`${folder}/clock`);
  const broker = new BrokerProcess(`${folder}/broker.yaml`, clock.file);
  const [ledger, random] = [new Ledger(), new Random(options.seed)];
  const stage = { ledger, random };
  const parts = [
    ...[new Expiring(stage), new Leaving(stage), new Retaining(stage), new Churn(stage), new Traffic(stage)],
    new Stepping(stage, clock),
  ];
  let [kills, cleanRestarts] = [0, 0];
  try {
    await broker.start();
    for (const part of parts) await part.setUp(broker.port);
    for (let round = 0; kills < options.kills; round++) {
      const clean = round % CLEAN_RESTART_EVERY === 3;
      await runRound({ broker, parts, random, round, clean });
      if (clean) cleanRestarts++;
      else kills++;
      const { messages, deliveries } = ledger.figures;
      const { length } = await Deno.readFile(`${folder}/broker.sqlite`);
      options.log?.(`${kills} kills, ${messages} messages, ${deliveries} deliveries, database ${length} bytes`);
    }
    for (const part of parts) await part.drain(broker.port);
    for (const part of parts) await part.close();
    const { code, log } = await broker.end("SIGTERM");
    if (code !== 0 || /ERROR/.test(log)) ledger.fault(`the broker ended with exit code ${code}: ${log}`);
  } catch (error) {
    ledger.fault(
      `after ${kills} kills and ${cleanRestarts} shutdowns: ${error instanceof Error ? error.stack : error}`,
    );
    const { log } = await broker.end("SIGKILL");
    if (log !== "") ledger.fault(`the broker wrote: ${log}`);
  } finally {
    await Promise.all(parts.map((part) => part.close()));
    await broker.end("SIGKILL");
  }
  return { faults: ledger.faults(), figures: { ...ledger.figures, kills, cleanRestarts, clockSteps: clock.steps } };
}

interface Round {
  readonly broker: BrokerProcess;
  readonly parts: readonly Part[];
  readonly random: Random;
  readonly round: number;
  readonly clean: boolean;
}

async function runRound({ broker, parts, random, round, clean }: Round): Promise<void> {
  for (const part of parts) await part.prepare?.(broker.port, round);
  const running = Promise.all(parts.map((part) => part.run(broker.port, round)));
  // Early ones come while clients connect and send again what was under way.
  await delay(random.chance(0.3) ? random.between(0, 60) : random.between(60, 500));
  const { log } = await broker.end(clean ? "SIGTERM" : "SIGKILL");
  if (/ERROR/.test(log)) throw new Error(`the broker wrote errors before kill ${round}: ${log}`);
  await running;
  await Promise.all(parts.map((part) => part.lost(round)));
  await broker.start();
  for (const part of parts) await part.verify(broker.port, round);
}
