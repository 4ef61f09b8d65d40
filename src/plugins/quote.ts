const MAX_LENGTH = 200;

/** A text of a client's in the log's words: quoted, without control characters, and not endless. */
export function quote(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  return JSON.stringify(short).replace(/[\u007F-\u009F\u2028\u2029]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
