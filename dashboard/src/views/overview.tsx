import { useEffect, useState } from "preact/hooks";
import { listen } from "../api.ts";
import { bytes, duration, number, visible } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { Card, fact, Facts, Fault, Meter } from "../parts/basics.tsx";
import { Chart } from "../parts/chart.tsx";
import { Events } from "../parts/events.tsx";
import { text } from "../strings.ts";
import type { Figures, History, Overview as Answer } from "../types.ts";

const t = text.overview;
/** What the charts show at least; they grow up to an hour. */
const LEAST_SECONDS = 300;

/** The figures as they come, with what has happened a second since the one before. */
function useFigures():
  | (Figures & { readonly rates?: { readonly received: number; readonly sent: number } })
  | undefined {
  const [state, setState] = useState<Figures & { rates?: { received: number; sent: number } }>();
  useEffect(() =>
    listen("/streams/overview", {}, {
      overview: (now: Figures) =>
        setState((before) => {
          const seconds = before ? (Date.parse(now.at) - Date.parse(before.at)) / 1000 : 0;
          if (!before || seconds <= 0) return now;
          const per = (key: "received" | "sent") => Math.max(0, (now[key] - before[key]) / seconds);
          return { ...now, rates: { received: per("received"), sent: per("sent") } };
        }),
    }), []);
  return state;
}

export function OverviewView() {
  const { data, error } = useFetch<Answer>("/overview", {}, 3000);
  const live = useFigures();
  if (!data) {
    return (
      <>
        <Fault of={error} />
        {!error && <p>{text.loading}</p>}
      </>
    );
  }
  return (
    <>
      <Fault of={error} />
      <p class={`health ${data.health.level}`} role="status">{visible(data.health.sentence)}</p>
      <Tiles data={data} live={live} />
      <div class="grid">
        <Rates />
        <Drops data={data} />
        <Ceilings data={data} live={live} />
        <StoreCard data={data} live={live} />
        <Card title={t.warnings}>
          {data.warnings.length === 0
            ? <p class="quiet">{t.noWarnings}</p>
            : <ul class="warnings">{data.warnings.map((words) => <li key={words}>{visible(words)}</li>)}</ul>}
        </Card>
        <Card title={t.events} class="wide">
          <Events of={data.events} withClient empty={t.noEvents} />
        </Card>
      </div>
      <p class="quiet">{t.about(data.version, data.uptimeSeconds)}</p>
    </>
  );
}

type Live = ReturnType<typeof useFigures>;

function Tiles({ data, live }: { readonly data: Answer; readonly live: Live }) {
  const { clients, messages } = data;
  return (
    <dl class="tiles">
      <Tile title={t.connected} value={number(live?.connected ?? clients.connected)} more={t.most(clients.maximum)} />
      <Tile title={t.offline} value={number(live?.offline ?? clients.offline)} more={t.offlineHint} />
      <Tile
        title={t.received}
        value={text.perSecond(live?.rates?.received ?? messages.receivedPerSecond)}
        more={t.total(live?.received ?? messages.received)}
      />
      <Tile
        title={t.sent}
        value={text.perSecond(live?.rates?.sent ?? messages.sentPerSecond)}
        more={t.total(live?.sent ?? messages.sent)}
      />
    </dl>
  );
}

function Tile({ title, value, more }: { readonly title: string; readonly value: string; readonly more: string }) {
  return (
    <div class="tile">
      <dt>{title}</dt>
      <dd class="figure">{value}</dd>
      <dd class="quiet">{more}</dd>
    </div>
  );
}

function Rates() {
  const { data } = useFetch<History>("/overview/history", {}, 10_000);
  const points = data?.points ?? [];
  const at = points.map((point) => Date.parse(point.at) / 1000);
  const messages = [
    { label: t.received, colour: "--one", values: points.map(({ received }) => received) },
    { label: t.sent, colour: "--two", values: points.map(({ sent }) => sent) },
  ];
  const clients = [{ label: t.connected, colour: "--one", values: points.map(({ connected }) => connected) }];
  return (
    <>
      <Card title={t.hour} class="wide">
        <Chart at={at} lines={messages} seconds={LEAST_SECONDS} />
      </Card>
      <Card title={t.clientsHour}>
        <Chart at={at} lines={clients} height={140} seconds={LEAST_SECONDS} />
      </Card>
    </>
  );
}

function Counts({ of, empty }: { readonly of: Readonly<Record<string, number>>; readonly empty: string }) {
  const rows = Object.entries(of).filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  if (rows.length === 0) return <p class="quiet">{empty}</p>;
  return <Facts of={rows.map(([reason, count]) => fact(reason, <strong class="bad">{number(count)}</strong>))} />;
}

function Drops({ data }: { readonly data: Answer }) {
  return (
    <Card title={t.dropped}>
      <Counts of={data.dropped} empty={t.noDrops} />
      <h3>{t.refused}</h3>
      <Counts of={data.refused} empty={t.noRefusals} />
    </Card>
  );
}

function Ceilings({ data, live }: { readonly data: Answer; readonly live: Live }) {
  const { memory, retained, topics, messages } = data;
  const held = live?.heldBytes ?? memory.heldBytes;
  const row = (label: string, value: number, maximum: number, show: (value: number) => string) => (
    <Meter {...{ label, value, maximum }} shown={text.ofMaximum(show(value), show(maximum))} />
  );
  return (
    <Card title={t.ceilings}>
      {row(t.held, held, memory.maximumBytes, bytes)}
      {row(t.retainedMessages, retained.messages, retained.maximumMessages, number)}
      {row(t.retainedBytes, retained.bytes, retained.maximumBytes, bytes)}
      {row(t.topicsKnown, topics.count, topics.maximum, number)}
      <Facts
        of={[
          fact(t.queued, number(live?.queued ?? messages.queued)),
          fact(t.underWay, number(messages.inflightInbound + messages.inflightOutbound)),
          fact(t.process, bytes(memory.rssBytes)),
        ]}
      />
    </Card>
  );
}

function StoreCard({ data: { store }, live }: { readonly data: Answer; readonly live: Live }) {
  const { commitSeconds, fault } = store;
  return (
    <Card title={t.store}>
      {fault !== null && <p class="notice bad">{visible(fault)}</p>}
      <Facts
        of={[
          fact(t.storeType, visible(store.type)),
          fact(t.storeWaiting, number(live?.changesWaiting ?? store.changesWaiting)),
          fact(t.storeLatency, commitSeconds === null ? t.noCommit : duration(commitSeconds)),
        ]}
      />
    </Card>
  );
}
