/** Figures and names for people. */
const numbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const times = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dates = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function number(value: number): string {
  return numbers.format(value);
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let rest = value;
  while (rest >= 1024 && at < units.length - 1) {
    rest /= 1024;
    at++;
  }
  return `${numbers.format(rest)} ${units[at]}`;
}

export function duration(seconds: number): string {
  const units = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]] as const;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const at = units.findIndex(([length]) => seconds >= length);
  const [length, name] = units[at]!;
  const whole = Math.floor(seconds / length);
  const next = units[at + 1];
  if (!next) return `${whole} ${name}`;
  const rest = Math.floor((seconds - whole * length) / next[0]);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[1]}`;
}

export function timeOfDay(iso: string): string {
  return times.format(new Date(iso));
}

export function dateTime(iso: string): string {
  return dates.format(new Date(iso));
}

/** Characters that are not seen, or that turn the direction of a text around, are written as escapes. */
// deno-lint-ignore no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A name that somebody else has chosen, on one line. */
export function visible(name: string): string {
  return name.replace(UNSEEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
