/** What happens, as it happens: Server-Sent Events. */
import { z } from "zod";
import type { ClientSnapshot } from "../../hooks/plugin.ts";
import type { InboundPacket, OutboundPacket } from "../../packet/packets.ts";
import { PacketType } from "../../packet/packets.ts";
import { matches, type TopicFilter, type TopicName } from "../../packet/topic.ts";
import { quote } from "../../quote.ts";
import type { EventStream } from "../event_stream.ts";
import { liveFigures } from "../overview.ts";
import { filterOf } from "../parse.ts";
import { fieldProblem, Problem } from "../problem.ts";
import { publisherOf } from "../recorder.ts";
import { type Call, get, type Route } from "../route.ts";
import { clientIdentifier, flag, topic } from "../schemas.ts";
import { eventView, payloadView, time } from "../views.ts";

const FIGURES_MS = 2000;
const LONGEST_TRACE_SECONDS = 3600;

/** Sends something at intervals. */
function repeat({ host }: Call, stream: EventStream, ms: number, send: () => void): void {
  let cancel = () => {};
  const next = () => {
    send();
    cancel = host.after(ms, next);
  };
  next();
  stream.onEnd(() => cancel());
}

const messagesQuery = z.strictObject({ filter: topic, payload: flag });

function streamMessages(call: Call<z.output<typeof messagesQuery>>) {
  const { host, identity, query, openStream } = call;
  if (!identity.payloads) throw new Problem(403, "messages are shown to operators (admin.viewer-payloads)");
  const filter = filterOf("filter", query.filter);
  if (filter.startsWith("$share/")) {
    throw fieldProblem("filter", "must not be shared: messages would be taken from clients");
  }
  const stream = openStream();
  const messages = host.subscribe(filter);
  stream.onEnd(() => void messages.return?.());
  void (async () => {
    for await (const { topicName, qos, retain, publisher = null, payload } of messages) {
      const shown = query.payload === false ? null : payloadView(payload);
      const size = payload.length;
      stream.push("message", { at: time(host.epoch()), topicName, qos, retain, publisher, size, payload: shown });
    }
    stream.close();
  })();
  return stream.response;
}

const traceQuery = z.strictObject({
  client: clientIdentifier.optional(),
  topic: topic.optional(),
  address: z.string().min(1).max(100).optional(),
  seconds: z.coerce.number().int().min(1).max(LONGEST_TRACE_SECONDS).default(60),
});

const packetNames = Object.fromEntries(Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]));

type TraceQuery = z.output<typeof traceQuery> & { readonly filter: TopicFilter | undefined };

function isTraced(
  query: TraceQuery,
  client: ClientSnapshot | undefined,
  packet: InboundPacket | OutboundPacket,
): boolean {
  const name = client?.clientIdentifier ?? (packet.type === PacketType.Connect ? packet.clientIdentifier : undefined);
  if (query.client !== undefined && name !== query.client) return false;
  if (query.address !== undefined && client?.remote.hostname !== query.address) return false;
  if (query.filter === undefined) return true;
  return packet.type === PacketType.Publish && matches(query.filter, packet.topicName as TopicName);
}

function describePacket(packet: InboundPacket | OutboundPacket): string {
  switch (packet.type) {
    case PacketType.Publish:
      return `${quote(packet.topicName)}, QoS ${packet.qos}${
        packet.retain ? ", retain" : ""
      }, ${packet.payload.length} bytes`;
    case PacketType.Subscribe:
      return packet.subscriptions.slice(0, 20).map(({ topicFilter, qos }) => `${quote(topicFilter)} QoS ${qos}`).join(
        ", ",
      );
    case PacketType.Connect:
      return `client ${quote(packet.clientIdentifier)}, keep-alive ${packet.keepAliveSeconds} s`;
    default: {
      const { reasonCode, packetIdentifier } = packet as { reasonCode?: number; packetIdentifier?: number };
      const parts = [
        ...packetIdentifier === undefined ? [] : [`packet ${packetIdentifier}`],
        ...reasonCode === undefined ? [] : [`reason code 0x${reasonCode.toString(16).padStart(2, "0")}`],
      ];
      return parts.join(", ");
    }
  }
}

function streamTrace(call: Call<z.output<typeof traceQuery>>) {
  const { host, openStream } = call;
  const filter = call.query.topic === undefined ? undefined : filterOf("topic", call.query.topic);
  const query: TraceQuery = { ...call.query, filter };
  if (query.client === undefined && query.address === undefined && filter === undefined) {
    throw fieldProblem("client", "must be given, or topic, or address");
  }
  const stream = openStream();
  const tell =
    (direction: "in" | "out") => (client: ClientSnapshot | undefined, packet: InboundPacket | OutboundPacket) => {
      if (!isTraced(query, client, packet)) return;
      const who = client && publisherOf(client);
      stream.push("trace", {
        at: time(host.epoch()),
        direction,
        clientIdentifier: who?.clientIdentifier ?? null,
        address: who?.address ?? null,
        packet: packetNames[packet.type] ?? String(packet.type),
        text: describePacket(packet),
      });
    };
  // Hooks that nobody needs any longer cost nothing any longer.
  stream.onEnd(host.observe({ packetReceived: tell("in"), packetSent: tell("out") }));
  const cancel = host.after(query.seconds * 1000, () => {
    stream.push("end", { seconds: query.seconds });
    stream.close();
  });
  stream.onEnd(cancel);
  return stream.response;
}

export const streamRoutes: readonly Route[] = [
  get("/streams/events", {
    needs: "viewer",
    summary: "What happens to clients",
    events: ["event"],
    handle: ({ recorder, openStream }) => {
      const stream = openStream();
      stream.onEnd(recorder.timelines.listen((event) => stream.push("event", eventView(event))));
      return stream.response;
    },
  }),
  get("/streams/log", {
    needs: "viewer",
    summary: "The log",
    events: ["log"],
    handle: ({ log, openStream }) => {
      const stream = openStream();
      stream.onEnd(log.listen(({ atMs, ...record }) => stream.push("log", { at: time(atMs), ...record })));
      return stream.response;
    },
  }),
  get("/streams/overview", {
    needs: "viewer",
    summary: "The broker's figures every two seconds",
    events: ["overview"],
    handle: (call) => {
      const stream = call.openStream();
      repeat(call, stream, FIGURES_MS, () => stream.push("overview", liveFigures(call)));
      return stream.response;
    },
  }),
  get("/streams/messages", {
    needs: "viewer",
    summary: "The messages of one topic filter",
    query: messagesQuery,
    events: ["message"],
    handle: streamMessages,
  }),
  get("/streams/trace", {
    needs: "operator",
    summary: "The packets of a client, an address or a topic filter, for a time",
    query: traceQuery,
    events: ["trace", "end"],
    handle: streamTrace,
  }),
];
