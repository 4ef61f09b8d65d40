/** Kinds of values that are no numbers. Each says in one sentence what it expects and what it got. */
import { type Kind, like, TEXT, value, WITH_VARIABLE } from "./kind.ts";
import type { LogLevel } from "./log_config.ts";
import { isMapping } from "./mapping.ts";
import { show } from "./report.ts";

const FLAGS: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  off: false,
  no: false,
  false: false,
};

const FLAG_WORDS = like("^([Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$");

/** True or false; also in YAML 1.1's words, which YAML 1.2 reads as texts. */
export const flag = value({ anyOf: [{ type: "boolean" }, FLAG_WORDS] }, (input, complain): boolean | undefined => {
  if (typeof input === "boolean") return input;
  const word = typeof input === "string" ? input.toLowerCase() : "";
  if (Object.hasOwn(FLAGS, word)) return FLAGS[word];
  complain({ message: `must be true or false (or on, off, yes, no): got ${show(input)}` });
});

/** `allow-anonymous`: a flag, or a word for more than that. */
export const anonymity = value<boolean | "any-username">({
  anyOf: [{ type: "boolean" }, { const: "any-username" }, FLAG_WORDS],
}, (input, complain) => {
  if (typeof input === "boolean" || input === "any-username") return input;
  const word = typeof input === "string" ? input.toLowerCase() : "";
  if (Object.hasOwn(FLAGS, word)) return FLAGS[word];
  complain({ message: `must be true or false (or on, off, yes, no), or any-username: got ${show(input)}` });
});

/** One of a few words. */
export function choice<const Word extends string>(words: readonly Word[]): Kind<Word> {
  const list = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return value({ anyOf: [{ enum: words }, WITH_VARIABLE] }, (input, complain): Word | undefined => {
    const word = words.find((word) => word === input);
    if (word === undefined) complain({ message: `must be ${list}: got ${show(input)}` });
    return word;
  });
}

/** A text that is not empty. */
export function text(what: string): Kind<string> {
  return value(TEXT, (input, complain) => {
    if (typeof input === "string" && input !== "") return input;
    complain({ message: `must be ${what}: got ${show(input)}` });
  });
}

/** The path of a file. */
export const filePath = text("the path of a file");

/** A text that is not empty and that no message shows. */
export const secret = value(TEXT, (input, complain): string | undefined => {
  if (typeof input === "string" && input !== "") return input;
  complain({ message: `must be a text in quotes, not empty: got ${input === "" ? "an empty one" : typeof input}` });
});

const LONGEST_MQTT_TEXT_BYTES = 65_535;

/** A text that is not empty and that fits a UTF-8 Encoded String (MQTT 5.0 §1.5.4). */
export const mqttText = value(TEXT, (input, complain): string | undefined => {
  if (typeof input !== "string" || input === "" || input.includes("\0") || !input.isWellFormed()) {
    complain({ message: `must be a text without U+0000 and without lone surrogates: got ${show(input)}` });
    return undefined;
  }
  const { length } = new TextEncoder().encode(input);
  if (length <= LONGEST_MQTT_TEXT_BYTES) return input;
  complain({ message: `must be at most ${LONGEST_MQTT_TEXT_BYTES} bytes in UTF-8: got ${length} bytes` });
});

/** A version of MQTT. YAML takes 5 for a number. */
export const protocolVersion = value<"auto" | "5" | "3.1.1">({
  anyOf: [{ enum: ["auto", "5", "3.1.1", 5] }, WITH_VARIABLE],
}, (input, complain) => {
  const word = (["auto", "5", "3.1.1"] as const).find((word) => word === String(input));
  if (word === undefined) complain({ message: `must be auto, 5 or 3.1.1: got ${show(input)}` });
  return word;
});

/** Permission bits as chmod takes them. YAML would take plain digits for a decimal number. */
export const fileMode = value<number, string>(like("^(0o?)?[0-7]{3}$"), (input, complain) => {
  if (typeof input === "string" && /^(0o?)?[0-7]{3}$/.test(input)) return parseInt(input.slice(-3), 8);
  complain({ message: `must be an octal mode in quotes, such as "0660": got ${show(input)}` });
});

/** The name of a cluster, which is part of names that the log's engine has. */
export const clusterName = value<string>(like("^[A-Za-z0-9_-]{1,64}$"), (input, complain) => {
  if (typeof input === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(input)) return input;
  complain({ message: `must be 1 to 64 letters, digits, "-" and "_": got ${show(input)}` });
});

/** The name of a node. */
export const nodeName = value<string>(like("^[A-Za-z0-9_.-]{1,128}$"), (input, complain) => {
  if (typeof input === "string" && /^[A-Za-z0-9_.-]{1,128}$/.test(input)) return input;
  complain({ message: `must be 1 to 128 letters, digits, ".", "-" and "_": got ${show(input)}` });
});

/** How much may be logged. */
export const logLevels = ["debug", "info", "warning", "error", "off"] as const satisfies readonly LogLevel[];

const LOG_CATEGORY = /^(connections|listeners|store|plugins|plugins\..+)$/;

/** Category of the log → level. */
export const logCategories = value<Readonly<Record<string, LogLevel>>>({
  type: "object",
  patternProperties: { [LOG_CATEGORY.source]: { anyOf: [{ enum: logLevels }, WITH_VARIABLE] } },
  additionalProperties: false,
}, (input, complain) => {
  if (!isMapping(input)) {
    complain({ message: `must map parts of the broker to levels: got ${show(input)}` });
    return undefined;
  }
  for (const [category, level] of Object.entries(input)) {
    if (!LOG_CATEGORY.test(category)) {
      const message = `must be connections, listeners, store, plugins or plugins.NAME: got ${show(category)}`;
      complain({ message, path: [category] });
    } else if (!logLevels.some((word) => word === level)) {
      complain({ message: `must be ${logLevels.join(", ")}: got ${show(level)}`, path: [category] });
    }
  }
  return input as Record<string, LogLevel>;
});
