/** Metrics about packets and messages. */
import { byLabel, counter, type Family, gauge, histogram, type Sample } from "./family.ts";

/** Packets that only the broker sends, and that only clients do. */
const fromBroker = ["connack", "suback", "unsuback", "pingresp"];
const fromClients = ["connect", "subscribe", "unsubscribe", "pingreq"];

export const messageFamilies: readonly Family[] = [
  counter(
    "amqtt_packets_received",
    "Control packets from clients, by type.",
    ({ statistics }) => byType(statistics.packetsReceivedByKind, fromBroker),
    ["type"],
  ),
  counter(
    "amqtt_packets_sent",
    "Control packets to clients, by type.",
    ({ statistics }) => byType(statistics.packetsSentByKind, fromClients),
    ["type"],
  ),
  counter("amqtt_received_bytes", "Bytes of packets from clients.", ({ statistics }) => statistics.bytesReceived),
  counter("amqtt_sent_bytes", "Bytes of packets to clients.", ({ statistics }) => statistics.bytesSent),
  counter("amqtt_messages_received", "PUBLISH packets from clients.", ({ statistics }) => statistics.publishesReceived),
  counter("amqtt_messages_sent", "PUBLISH packets to clients.", ({ statistics }) => statistics.publishesSent),
  counter(
    "amqtt_messages_denied",
    "Messages that their publisher was not allowed to publish.",
    ({ statistics }) => statistics.publishesDenied,
  ),
  counter(
    "amqtt_messages_dropped",
    "Messages given up, by reason.",
    ({ statistics }) => byLabel("reason", statistics.messagesDropped),
    ["reason"],
  ),
  gauge("amqtt_queued_messages", "Messages that wait in sessions.", ({ statistics }) => statistics.messagesQueued),
  gauge("amqtt_inflight_messages", "QoS 1 and 2 messages under way to clients, QoS 2 from them.", ({ statistics }) => {
    return byLabel("direction", { in: statistics.inflightInbound, out: statistics.inflightOutbound });
  }, ["direction"]),
  gauge("amqtt_socket_waiting_bytes", "Bytes that wait for clients' sockets.", (figures) => figures.socketWaitingBytes),
  gauge("amqtt_retained_messages", "Retained messages.", ({ statistics }) => statistics.retainedMessages),
  gauge("amqtt_retained_bytes", "What retained messages take in memory.", ({ statistics }) => statistics.retainedBytes),
  histogram(
    "amqtt_routing_latency_seconds",
    "From a PUBLISH's arrival until its subscribers' sessions have it; of one in 256.",
    ({ routingLatency }) => routingLatency,
  ),
];

function byType(counts: Readonly<Record<string, number>>, never: readonly string[]): readonly Sample[] {
  return byLabel("type", Object.fromEntries(Object.entries(counts).filter(([name]) => !never.includes(name))));
}
