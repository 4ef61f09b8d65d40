/** Small parts that every view has. */
import type { ComponentChildren } from "preact";
import { visible } from "../format.ts";
import { href } from "../router.ts";
import { text } from "../strings.ts";

/** A name that somebody else has chosen: always text, on one line, in its own direction. */
export function Name({ of }: { readonly of: string | null | undefined }) {
  if (of === null || of === undefined) return <span class="quiet">{text.none}</span>;
  return <bdi class="name">{of === "" ? text.noName : visible(of)}</bdi>;
}

export function ClientLink({ id }: { readonly id: string }) {
  return (
    <a href={href("client", { id })}>
      <Name of={id} />
    </a>
  );
}

export function TopicLink({ name }: { readonly name: string }) {
  return (
    <a href={href("topics", { name })}>
      <Name of={name} />
    </a>
  );
}

export function Card({ title, children, class: extra = "", actions }: {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly actions?: ComponentChildren;
}) {
  return (
    <section class={`card ${extra}`}>
      <div class="card-head">
        <h2>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

export function Fault({ of }: { readonly of: string | undefined }) {
  return of === undefined ? null : <p class="notice bad" role="alert">{of}</p>;
}

/** Says what was done, or why not; read out by screen readers. */
export function Said({ what }: { readonly what: Outcome | undefined }) {
  const shown = what && <p class={`notice ${what.bad ? "bad" : "good"}`}>{visible(what.words)}</p>;
  return <div role="status" aria-live="polite">{shown}</div>;
}

export interface Outcome {
  readonly words: string;
  readonly bad?: boolean;
}

export interface Fact {
  readonly term: string;
  readonly value: ComponentChildren;
}

export function fact(term: string, value: ComponentChildren): Fact {
  return { term, value };
}

/** Facts in two columns. */
export function Facts({ of }: { readonly of: readonly Fact[] }) {
  return (
    <dl class="facts">
      {of.map(({ term, value }) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** How much of a ceiling is used. */
export function Meter({ label, value, maximum, shown }: {
  readonly label: string;
  readonly value: number;
  readonly maximum: number;
  readonly shown: string;
}) {
  const share = maximum > 0 ? value / maximum : 0;
  const level = share > 0.9 ? "bad" : share > 0.7 ? "warn" : "good";
  return (
    <div class="meter-row">
      <div class="meter-text">
        <span>{label}</span>
        <span>{shown}</span>
      </div>
      <progress class={level} max={Math.max(1, maximum)} value={Math.min(value, maximum)} aria-label={label} />
    </div>
  );
}

/** Buttons of which one is pressed. */
export function Choice<Value extends string>({ label, options, value, choose }: {
  readonly label: string;
  readonly options: readonly (readonly [Value, string])[];
  readonly value: Value;
  choose(value: Value): void;
}) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([option, words]) => (
        <button
          key={option}
          type="button"
          aria-pressed={option === value}
          onClick={() => choose(option)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}

export function Field({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}
