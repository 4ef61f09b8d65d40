/** The cluster that the broker is a node of, as that sees it. */
import { bytes, duration, number } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { Card, fact, Facts, Fault, Name } from "../parts/basics.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { Cluster, ClusterLink } from "../types.ts";

const t = text.cluster;
const REFRESH_MS = 2000;
const NOT_FOUND = 404;

const seconds = (value: number | null) => value === null ? t.notMeasured : duration(value);

const columns: readonly Column<ClusterLink>[] = [
  { title: t.node, cell: (one) => <Name of={one.node} /> },
  {
    title: t.state,
    cell: (one) => <span class={one.connected ? "" : "bad"}>{one.connected ? t.linked : t.broken}</span>,
  },
  { title: t.roundTrip, right: true, cell: (one) => seconds(one.roundTripSeconds) },
  { title: t.waiting, right: true, cell: (one) => bytes(one.waitingBytes) },
  { title: t.credit, right: true, cell: (one) => bytes(one.creditBytes) },
  { title: t.sent, right: true, cell: (one) => bytes(one.sentBytes) },
  { title: t.received, right: true, cell: (one) => bytes(one.receivedBytes) },
  {
    title: t.dropped,
    right: true,
    cell: (one) => <span class={one.messagesDropped > 0 ? "bad" : ""}>{number(one.messagesDropped)}</span>,
  },
];

export function ClusterView() {
  const { data, error, status } = useFetch<Cluster>("/cluster", {}, REFRESH_MS);
  if (status === NOT_FOUND) return <p class="quiet">{t.none}</p>;
  return (
    <>
      <Fault of={error} />
      {data?.cutOff && <p class="notice bad" role="alert">{t.cutOff}</p>}
      {data && (
        <>
          <Card title={data.name}>
            <Facts
              of={[
                fact(t.thisNode, <Name of={data.node} />),
                fact(t.nodes, data.nodes.map((node) => <span key={node} class="tag">{node}</span>)),
                fact(t.position, number(data.logPosition)),
                fact(t.heard, t.ago(duration(data.logSilenceSeconds))),
                fact(t.logRoundTrip, seconds(data.logRoundTripSeconds)),
              ]}
            />
          </Card>
          <Table label={t.links} columns={columns} items={data.links} />
        </>
      )}
    </>
  );
}
