import { exporterName, type MosquittoTopic, mosquittoTopics } from "../plugins/sys/mosquitto_topics.ts";
import { bridgeFamilies } from "./bridge_families.ts";
import { brokerFamilies, uptimeSeconds } from "./broker_families.ts";
import { clientFamilies } from "./client_families.ts";
import { clusterFamilies } from "./cluster_families.ts";
import type { Family } from "./family.ts";
import { messageFamilies } from "./message_families.ts";

/** The figures of Mosquitto, as its exporters for Prometheus have them: without types, which would ask for other names. */
export const mosquittoFamilies: readonly Family[] = mosquittoTopics.map(mosquittoFamily);

/** Everything that is told of a broker. */
export const families: readonly Family[] = [
  ...clientFamilies,
  ...messageFamilies,
  ...brokerFamilies,
  ...bridgeFamilies,
  ...clusterFamilies,
  ...mosquittoFamilies,
];

function mosquittoFamily({ topic, meaning, value }: MosquittoTopic): Family {
  return {
    name: exporterName(topic),
    type: "unknown",
    help: `As Mosquitto's ${topic}: ${meaning}.`,
    samples: (figures) => {
      const { statistics, process } = figures;
      const { messagesQueued, inflightOutbound, retainedMessages } = statistics;
      const sources = {
        statistics,
        storedMessages: messagesQueued + inflightOutbound + retainedMessages,
        uptimeSeconds: Math.floor(uptimeSeconds(figures)),
        heapBytes: process.heapUsedBytes,
      };
      return [{ value: value(sources) }];
    },
  };
}
