import type { Route } from "../route.ts";
import { bridgeRoutes } from "./bridges.ts";
import { brokerRoutes } from "./broker.ts";
import { clientRoutes } from "./clients.ts";
import { clusterRoutes } from "./cluster.ts";
import { signInRoutes } from "./sign_in.ts";
import { streamRoutes } from "./streams.ts";
import { topicRoutes } from "./topics.ts";

/** Every route of the API. */
export const routes: readonly Route[] = [
  ...signInRoutes,
  ...brokerRoutes,
  ...bridgeRoutes,
  ...clusterRoutes,
  ...clientRoutes,
  ...topicRoutes,
  ...streamRoutes,
];
