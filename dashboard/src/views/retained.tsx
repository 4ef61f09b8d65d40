import { useState } from "preact/hooks";
import { bytes, visible } from "../format.ts";
import { useDelayed } from "../hooks.ts";
import { RemoveRetained } from "../parts/actions.tsx";
import { ClientLink, Field, type Outcome, Said, TopicLink } from "../parts/basics.tsx";
import { shortPayload } from "../parts/payload.tsx";
import { type Column, List } from "../parts/table.tsx";
import { text } from "../strings.ts";
import type { RetainedItem } from "../types.ts";
import { mayAct, type ViewProps } from "./view.ts";

const t = text.retained;

function columnsFor(remove: ((filter: string) => void) | undefined): readonly Column<RetainedItem>[] {
  return [
    { title: text.topic, cell: (one) => <TopicLink name={one.topicName} /> },
    { title: text.value, cell: (one) => <bdi class="value">{visible(shortPayload(one.payload))}</bdi> },
    { title: text.qos, cell: (one) => one.qos },
    { title: t.publisher, cell: (one) => one.publisher === null ? "" : <ClientLink id={one.publisher} /> },
    { title: text.size, right: true, cell: (one) => bytes(one.size) },
    ...remove
      ? [{
        title: t.action,
        cell: ({ topicName }: RetainedItem) => (
          <button
            type="button"
            aria-label={t.remove(visible(topicName))}
            onClick={() => remove(topicName)}
          >
            {t.removeShort}
          </button>
        ),
      }]
      : [],
  ];
}

export function RetainedView({ session }: ViewProps) {
  const [filter, setFilter] = useState("#");
  const [removing, setRemoving] = useState<string>();
  const [said, setSaid] = useState<Outcome>();
  const [turn, setTurn] = useState(0);
  const asked = useDelayed(filter === "" ? "#" : filter, 250);
  const acts = mayAct(session);
  const say = (outcome: Outcome) => {
    setSaid(outcome);
    setTurn((before) => before + 1);
  };
  return (
    <>
      <Said what={said} />
      <List
        label={t.list}
        path="/retained"
        query={{ filter: asked, payload: session.payloads }}
        columns={columnsFor(acts ? setRemoving : undefined)}
        turn={turn}
      >
        <Field label={text.filter}>
          <input value={filter} onInput={({ currentTarget }) => setFilter(currentTarget.value)} />
        </Field>
        {acts && <button type="button" class="danger" onClick={() => setRemoving(asked)}>{t.deleteMatching}</button>}
      </List>
      {removing !== undefined && <RemoveRetained filter={removing} close={() => setRemoving(undefined)} say={say} />}
    </>
  );
}
