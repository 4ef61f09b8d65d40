/** A payload as text, indented JSON, what changed in it, bytes, or a picture. Nothing of it becomes markup. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { text } from "../strings.ts";
import type { Payload } from "../types.ts";
import { Choice } from "./basics.tsx";
import { bytesOf, diffLines, hexLines, imageType, prettyJson } from "./bytes.ts";

type Way = "text" | "json" | "diff" | "hex" | "image";

interface Shown {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly image: string | undefined;
  readonly json: string | undefined;
  readonly ways: readonly Way[];
}

function analyse(payload: Payload, before: Payload | undefined): Shown {
  const bytes = bytesOf(payload);
  const image = payload.truncated ? undefined : imageType(bytes);
  const json = payload.encoding === "utf8" ? prettyJson(payload.text) : undefined;
  const isText = payload.encoding === "utf8";
  const ways: Way[] = [
    ...image ? ["image" as const] : [],
    ...json === undefined ? [] : ["json" as const],
    ...isText ? ["text" as const] : [],
    ...isText && before?.encoding === "utf8" ? ["diff" as const] : [],
    "hex",
  ];
  return { bytes, image, json, ways };
}

export function PayloadView({ payload, before }: { readonly payload: Payload; readonly before?: Payload }) {
  const shown = useMemo(() => analyse(payload, before), [payload.text, payload.encoding, before?.text]);
  const [chosen, choose] = useState<Way>();
  if (payload.size === 0) return <p class="quiet">{text.payload.empty}</p>;
  const way = chosen !== undefined && shown.ways.includes(chosen) ? chosen : shown.ways[0]!;
  return (
    <div class="payload">
      <Choice<Way>
        label={text.payload.views}
        options={shown.ways.map((one) => [one, text.payload[one]] as const)}
        value={way}
        choose={choose}
      />
      <Content {...{ payload, before, shown, way }} />
      {payload.truncated && <p class="quiet">{text.payload.truncated(shown.bytes.length, payload.size)}</p>}
    </div>
  );
}

function Content({ payload, before, shown, way }: {
  readonly payload: Payload;
  readonly before: Payload | undefined;
  readonly shown: Shown;
  readonly way: Way;
}) {
  const label = text.payload[way];
  switch (way) {
    case "image":
      return <Picture bytes={shown.bytes} type={shown.image!} />;
    case "hex":
      return <pre tabIndex={0} role="region" aria-label={label}>{hexLines(shown.bytes)}</pre>;
    case "diff":
      return <Changes before={before!.text} after={payload.text} />;
    default:
      return (
        <pre tabIndex={0} role="region" aria-label={label} dir="auto">
          {way === "json" ? shown.json : payload.text}
        </pre>
      );
  }
}

function Changes({ before, after }: { readonly before: string; readonly after: string }) {
  if (before === after) return <p class="quiet">{text.payload.noDiff}</p>;
  const signs = { same: "  ", added: "+ ", removed: "- " };
  return (
    <pre tabIndex={0} role="region" aria-label={text.payload.diff}>
      {diffLines(prettyJson(before) ?? before, prettyJson(after) ?? after).map((line, at) => (
        <span key={at} class={line.change}>{signs[line.change] + line.text + "\n"}</span>
      ))}
    </pre>
  );
}

function Picture({ bytes, type }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes, type]);
  return url === undefined ? null : <img class="picture" src={url} alt={text.payload.imageOf(bytes.length)} />;
}

/** A value on one line of a list. */
export function shortPayload(payload: Payload | null): string {
  if (payload === null) return "";
  if (payload.encoding === "base64") return hexLines(bytesOf(payload).subarray(0, 8)).slice(8, 32).trim();
  const line = payload.text.slice(0, 120);
  return line.length < payload.text.length ? `${line}…` : line;
}
