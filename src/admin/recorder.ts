import type { ResolvedAdmin } from "../config/config.ts";
import type { Inspection } from "../embedding/inspection.ts";
import type { Observers } from "../hooks/observe.ts";
import type { BridgeSnapshot, BrokerStatistics, ClientSnapshot, Denial, Disconnection } from "../hooks/plugin.ts";
import type { DropReason, Message } from "../message.ts";
import { describeReasonCode } from "../packet/reason_code.ts";
import { escapeUnseen, quote } from "../quote.ts";
import { formatAddress } from "../transport/address.ts";
import { BridgeRates } from "./bridge_rates.ts";
import { type EventKind, short } from "./event.ts";
import { OverviewHistory, STEP_SECONDS } from "./overview_history.ts";
import { Timelines } from "./timeline.ts";
import type { TopicPublisher } from "./topic_entry.ts";
import { type FindPublisher, TopicHistory } from "./topic_history.ts";

/** How finely times are told of what happens. */
const TICK_MS = 250;

/** What a {@linkcode Recorder} works with. */
export interface RecorderParts {
  readonly limits: Pick<ResolvedAdmin, "maxTopics" | "maxTopicsBytes" | "maxHistoryClients" | "maxHistoryBytes">;
  readonly statistics: BrokerStatistics;
  readonly inspection: Pick<Inspection, "client">;
  bridges(): readonly BridgeSnapshot[];
  epoch(): number;
  every(ms: number, tick: () => void): void;
}

/** Remembers for people what has happened: to clients, to topics, and to the broker as a whole. */
export class Recorder {
  readonly timelines: Timelines;
  readonly topics: TopicHistory;
  readonly overview: OverviewHistory;
  readonly bridgeRates: BridgeRates;
  /** To be told what happens. */
  readonly observers: Observers;
  #nowMs: number;
  #lastNotReceived = { atMs: NaN, clientIdentifier: "", topicName: "" };
  readonly #find: FindPublisher;

  constructor({ limits, statistics, inspection, bridges, epoch, every }: RecorderParts) {
    this.#nowMs = epoch();
    this.timelines = new Timelines({
      maximumClients: limits.maxHistoryClients,
      maximumBytes: limits.maxHistoryBytes,
    });
    this.#find = (clientIdentifier) => {
      const found = inspection.client(clientIdentifier);
      return found && publisherOf(found.client);
    };
    const topicLimits = { maximumTopics: limits.maxTopics, maximumBytes: limits.maxTopicsBytes };
    this.topics = new TopicHistory(topicLimits, this.#find, this.#nowMs);
    this.overview = new OverviewHistory(statistics, this.#nowMs);
    this.bridgeRates = new BridgeRates();
    this.observers = this.#observers();
    every(TICK_MS, () => this.#nowMs = this.topics.nowMs = epoch());
    every(STEP_SECONDS * 1000, () => {
      this.overview.step(epoch());
      this.bridgeRates.step(bridges(), epoch());
    });
  }

  /** Something has happened to a client that no hook tells of. */
  happened(kind: EventKind, clientIdentifier: string, text: string): void {
    this.timelines.add(kind, clientIdentifier, escapeUnseen(text), this.#nowMs);
  }

  /** A message has been given to its subscribers. */
  routed(message: Message): void {
    this.topics.routed(message);
  }

  /** A message was given up. */
  dropped(clientIdentifier: string | undefined, message: Message, reason: DropReason): void {
    const { topicName } = message;
    this.timelines.drop(clientIdentifier, topicName, reason, this.#nowMs);
    if (reason === "receive-denied" && clientIdentifier !== undefined) this.#notReceived(clientIdentifier, topicName);
  }

  #observers(): Observers {
    return {
      clientConnected: (client) => {
        this.topics.clientEpoch++;
        this.#tell("connected", client, `connected from ${describe(client)}`);
      },
      clientDisconnected: (client, ending) => this.#tell("disconnected", client, describeEnding(ending)),
      clientSubscribed: (client, { topicFilter, shareName, qos }) => {
        const filter = shareName === undefined ? topicFilter : `$share/${shareName}/${topicFilter}`;
        this.#tell("subscribed", client, `subscribed to ${name(filter)} at QoS ${qos}`);
      },
      clientUnsubscribed: (client, topicFilter) =>
        this.#tell("unsubscribed", client, `unsubscribed from ${name(topicFilter)}`),
      denied: (denial) => this.#denied(denial),
    };
  }

  #tell(kind: Parameters<Timelines["add"]>[0], { clientIdentifier }: ClientSnapshot, text: string): void {
    this.timelines.add(kind, clientIdentifier, text, this.#nowMs);
  }

  #notReceived(clientIdentifier: string, topicName: string): void {
    // A client that is denied many messages one after the other is entered once a tick.
    const last = this.#lastNotReceived;
    const atMs = this.#nowMs;
    if (last.atMs === atMs && last.clientIdentifier === clientIdentifier && last.topicName === topicName) return;
    this.#lastNotReceived = { atMs, clientIdentifier, topicName };
    const { username, address } = this.#find(clientIdentifier) ?? {};
    const reason = "receive-acl, or a plugin";
    this.topics.denied(topicName, { atMs, what: "receive", clientIdentifier, username, address, reason });
  }

  #denied({ action, client, topic, reasonCode, reason }: Denial): void {
    if (action === "sign-in" || action === "will") {
      const why = reason ?? describeReasonCode(reasonCode);
      this.#tell("refused", client, `refused: ${why}; from ${describe(client)}`);
    }
    if (action === "sign-in" || topic === undefined) return;
    const what = action === "subscribe" ? "subscribe" : "publish";
    const why = describeReasonCode(reasonCode) + (reason === undefined ? "" : `: ${quote(reason)}`);
    if (action !== "will") {
      const verb = what === "publish" ? "publish to" : "subscribe to";
      this.#tell("denied", client, `may not ${verb} ${name(topic)}: ${why}`);
    }
    // A filter is no topic, unless it has no wildcards.
    if (/[+#]/.test(topic) || topic.startsWith("$share/")) return;
    this.topics.denied(topic, { atMs: this.#nowMs, what, ...publisherOf(client), reason: short(why) });
  }
}

/** A client's name for a topic, shortened first, since it may be long. */
function name(topic: string): string {
  return quote(short(topic));
}

/** Who a client is. */
export function publisherOf({ clientIdentifier, username, remote }: ClientSnapshot): TopicPublisher {
  const { hostname, port = 0 } = remote;
  return { clientIdentifier, username, address: hostname === undefined ? undefined : formatAddress(hostname, port) };
}

function describe(client: ClientSnapshot): string {
  const { username, address = "an unknown address" } = publisherOf(client);
  const user = username === undefined ? "without a user name" : `as user ${quote(username)}`;
  return `${address} ${user}, listener ${escapeUnseen(client.listener)}`;
}

function describeEnding({ clean, reason }: Disconnection): string {
  return clean ? "disconnected: the client said goodbye" : `disconnected: ${reason}`;
}
