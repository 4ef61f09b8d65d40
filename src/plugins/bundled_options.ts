import type { Keys } from "../config/key.ts";
import { authAnonymousOptions } from "./auth_anonymous_options.ts";
import { authFileOptions } from "./auth_file_options.ts";
import { brokerSysOptions } from "./broker_sys_options.ts";
import { loggerOptions } from "./logger_options.ts";
import { topicAclOptions } from "./topic_acl_options.ts";

/** What each bundled plugin says of its options. Nothing of the plugins themselves is loaded for it. */
export const bundledOptions = {
  "auth.anonymous": authAnonymousOptions,
  "auth.file": authFileOptions,
  topic_acl: topicAclOptions,
  topic_taboo: {},
  broker_sys: brokerSysOptions,
  event_logger: loggerOptions,
  packet_logger: loggerOptions,
} as const satisfies Readonly<Record<string, Keys>>;
