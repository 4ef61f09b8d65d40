const LONGEST = 200;
/** Whatever moves the cursor, ends a line, turns the direction of writing, or cannot be seen. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * A name that somebody else has chosen, in the log's words: quoted, so that its ends are seen and an empty one is `""`; cut
 * after 200 characters; and with control characters, those of bidirectional text included, as escapes.
 */
export function quote(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, lengthUpTo(text, LONGEST))}…` : text;
  return escapeUnseen(JSON.stringify(short));
}

/** Control characters as `\u…` escapes. */
export function escapeUnseen(text: string): string {
  return text.replace(UNSEEN, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const codes = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return codes.map((code) => `\\u${code.toString(16).padStart(4, "0")}`).join("");
}

/** No character of two halves is cut between them. */
function lengthUpTo(text: string, longest: number): number {
  const last = text.charCodeAt(longest - 1);
  return last >= 0xd800 && last < 0xdc00 ? longest - 1 : longest;
}
