import { key } from "../config/key.ts";
import { accessControlList } from "../config/topic_values.ts";

/** Options of `topic_acl`, which may stand in the section `topic-check`, too. */
export const topicAclOptions = {
  acl: key("user name → topic filters", accessControlList),
  publishAcl: key("in place of `acl` for publishing", accessControlList, { shown: "acl" }),
  subscribeAcl: key("in place of `acl` for subscribing", accessControlList, { shown: "acl" }),
  receiveAcl: key("in place of `acl` for what is delivered", accessControlList, { shown: "acl" }),
} as const;
