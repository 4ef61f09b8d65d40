/** What a run is about most of all: some faults need much of the same to come together. */
import type { Random } from "../support/random.ts";
import type { Profile } from "./profile.ts";

/** Sessions that live so long are over with their run only. */
export const LONG_SECONDS = 1_000_000;

/** How a run differs from any other. */
export interface Theme {
  /** Roots of the topics that clients subscribe to, as often as they stand here. */
  readonly filterRoots: readonly string[];
  /** The same of those that they publish to. */
  readonly topicRoots: readonly string[];
  /** Groups of shared subscriptions; a client is in one of them. */
  readonly groups: number;
  /** Whether subscriptions may be at QoS 0. */
  readonly atMostOnce: boolean;
  /** How likely a session is begun anew. */
  readonly cleanChance: number;
  /** At least so many clients. */
  readonly fewestClients: number;
  /** So many clients keep their sessions, and take packets of any size. */
  readonly staying: number;
  /** How likely a 5.0 client does not take large packets. */
  readonly limitedChance: number;
  /** How many messages a client publishes at once. */
  readonly counts: readonly number[];
  /** Bytes that their payloads are filled up to. */
  readonly bytes: readonly number[];
  /** How much more often this happens than in other runs. @default as often */
  readonly often: {
    readonly [Kind in "leave" | "retain" | "subscribe" | "acknowledge-late" | "crash"]?: number;
  };
  /** What clients are like there. */
  readonly profile: (profile: Profile, random: Random) => Profile;
}

const anything: Theme = {
  filterRoots: ["a", "b", "r", "s"],
  topicRoots: ["a", "b", "s", "s"],
  groups: 2,
  atMostOnce: true,
  cleanChance: 0.08,
  fewestClients: 2,
  staying: 0,
  limitedChance: 0.2,
  counts: [1, 1, 2, 5, 20],
  bytes: [0, 0, 0, 300, 5000],
  often: {},
  profile: (profile) => profile,
};

/** Members of groups that keep little under way, and whose sessions end while much waits for them. */
const members: Theme = {
  ...anything,
  filterRoots: ["s", "s", "s", "a"],
  topicRoots: ["s", "s", "s", "a"],
  atMostOnce: false,
  cleanChance: 0.3,
  fewestClients: 4,
  staying: 2,
  limitedChance: 0.6,
  counts: [1, 5, 20, 60],
  bytes: [0, 0, 300, 1200],
  often: { leave: 3, "acknowledge-late": 4, crash: 5 },
  profile: (profile, random) => ({
    ...profile,
    expirySeconds: profile.version === 5 && random.chance(0.4) ? random.between(3, 30) : LONG_SECONDS,
    receiveMaximum: random.pick([1, 2, 5]),
  }),
};

/** Sessions that live on, with much under way that has to be sent again. */
const again: Theme = {
  ...anything,
  filterRoots: ["a", "b", "r", "r", "r"],
  atMostOnce: false,
  cleanChance: 0.02,
  often: { leave: 2, retain: 2, subscribe: 2, "acknowledge-late": 6, crash: 3 },
  profile: (profile, random) => ({
    ...profile,
    expirySeconds: LONG_SECONDS,
    receiveMaximum: random.pick([3, 10, 65_535]),
  }),
};

export function drawTheme(random: Random): Theme {
  return random.pick([anything, anything, anything, members, again]);
}
