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

/** Numbers that follow each other are told by the first and last. */
function ranges(numbers: readonly number[]): string {
  const parts: [first: number, last: number][] = [];
  for (const one of numbers) {
    const part = parts.at(-1);
    if (part?.[1] === one - 1) part[1] = one;
    else parts.push([one, one]);
  }
  return parts.map(([first, last]) => first === last ? `${first}` : `${first}–${last}`).join(", ");
}

interface Owned {
  /** `null`: nobody. */
  readonly owner: string | null;
  readonly shards: readonly number[];
}

/** What each node that lives owns, and what nobody does. */
function ownedBy({ nodes, shards }: Cluster): readonly Owned[] {
  const of = (node: string | null) => ({
    owner: node,
    shards: shards.filter(({ owner }) => owner === node).map(({ shard }) => shard),
  });
  return [...nodes.map(of), of(null)].filter(({ owner, shards }) => owner !== null || shards.length > 0);
}

const shardColumns: readonly Column<Owned>[] = [
  {
    title: t.node,
    cell: (one) => one.owner === null ? <span class="bad">{t.ownerless}</span> : <Name of={one.owner} />,
  },
  { title: t.owned, right: true, cell: (one) => number(one.shards.length) },
  { title: t.which, cell: (one) => ranges(one.shards) },
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
                fact(t.handovers, number(data.shardHandovers)),
              ]}
            />
          </Card>
          <Table label={t.links} columns={columns} items={data.links} />
          <Card title={t.shards}>
            <p class="quiet">{t.shardsHint}</p>
            <Table label={t.shards} columns={shardColumns} items={ownedBy(data)} />
          </Card>
        </>
      )}
    </>
  );
}
