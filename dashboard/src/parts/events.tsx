import { dateTime, timeOfDay, visible } from "../format.ts";
import { text } from "../strings.ts";
import type { BrokerEvent } from "../types.ts";
import { ClientLink } from "./basics.tsx";

/** What has happened, in words. */
export function Events({ of, withClient, empty }: {
  readonly of: readonly BrokerEvent[];
  readonly withClient: boolean;
  readonly empty: string;
}) {
  if (of.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <ol class="events">
      {of.map(({ at, kind, clientIdentifier, text: words }, row) => (
        <li key={row}>
          <time dateTime={at} title={dateTime(at)}>{timeOfDay(at)}</time>
          <span class={`tag ${kind}`}>{text.kinds[kind] ?? kind}</span>
          {withClient && clientIdentifier !== null && <ClientLink id={clientIdentifier} />}
          <bdi class="words">{visible(words)}</bdi>
        </li>
      ))}
    </ol>
  );
}
