import { useState } from "preact/hooks";
import { dateTime, duration, number, visible } from "../format.ts";
import { Choice, ClientLink, Name } from "../parts/basics.tsx";
import { type Column, List } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { Client, ClientSession, TimelineSummary } from "../types.ts";

const t = text.clients;

const clientColumns: readonly Column<Client>[] = [
  { title: text.client, sort: "clientIdentifier", cell: (one) => <ClientLink id={one.clientIdentifier} /> },
  { title: text.user, cell: (one) => <Name of={one.username} /> },
  { title: t.address, cell: (one) => <Name of={one.address} /> },
  { title: t.listener, cell: (one) => visible(one.listener) },
  { title: t.version, cell: (one) => one.protocolVersion },
  { title: t.since, sort: "connectedAt", cell: (one) => one.connectedAt === null ? "" : dateTime(one.connectedAt) },
  { title: t.subscriptions, right: true, cell: (one) => number(one.subscriptions) },
  { title: t.queued, sort: "queued", right: true, cell: (one) => number(one.queued) },
  {
    title: t.received,
    sort: "received",
    right: true,
    cell: (one) => one.received === null ? "" : number(one.received),
  },
  { title: t.sent, sort: "sent", right: true, cell: (one) => one.sent === null ? "" : number(one.sent) },
  {
    title: t.dropped,
    right: true,
    cell: ({ dropped }) => <span class={dropped > 0 ? "bad" : ""}>{number(dropped)}</span>,
  },
];

const sessionColumns: readonly Column<ClientSession>[] = [
  { title: text.client, sort: "clientIdentifier", cell: (one) => <ClientLink id={one.clientIdentifier} /> },
  { title: text.user, cell: (one) => <Name of={one.username} /> },
  { title: t.expires, cell: (one) => keptFor(one.expiryIntervalSeconds) },
  { title: t.subscriptions, right: true, cell: (one) => number(one.subscriptions) },
  { title: t.queued, sort: "queued", right: true, cell: (one) => number(one.queued) },
];

const timelineColumns: readonly Column<TimelineSummary>[] = [
  { title: text.client, sort: "clientIdentifier", cell: (one) => <ClientLink id={one.clientIdentifier} /> },
  { title: text.time, sort: "lastAt", cell: (one) => dateTime(one.lastAt) },
  { title: t.last, cell: (one) => <bdi class="words">{visible(one.last)}</bdi> },
  { title: t.events, right: true, cell: (one) => number(one.events) },
  { title: t.state, cell: (one) => one.connected ? t.isConnected : "" },
];

/** A session that does not end has the largest interval that MQTT knows. */
export function keptFor(seconds: number): string {
  if (seconds === 0) return t.notKept;
  return seconds >= 0xffffffff || !Number.isFinite(seconds) ? t.forever : duration(seconds);
}

type Tab = "connected" | "sessions" | "past";

export function ClientsView() {
  const [tab, setTab] = useState<Tab>("connected");
  const options = (["connected", "sessions", "past"] as const).map((one) => [one, t[one]] as const);
  const chosen = <Choice<Tab> label={t.tabs} options={options} value={tab} choose={setTab} />;
  const common = { label: t[tab], search: t.search, children: chosen };
  const byName = { by: "clientIdentifier", order: "asc" } as const;
  if (tab === "connected") {
    return <List key={tab} {...common} path="/clients" columns={clientColumns} firstSort={byName} />;
  }
  if (tab === "sessions") {
    const query = { connected: false };
    return <List key={tab} {...common} path="/sessions" query={query} columns={sessionColumns} firstSort={byName} />;
  }
  return (
    <List
      key={tab}
      {...common}
      path="/timelines"
      columns={timelineColumns}
      firstSort={{ by: "lastAt", order: "asc" }}
    />
  );
}
