// A server of node's `graphql-ws`, which the script examples/scripts/graphql.bws talks to.
//
//     node graphql.mjs
//
// The first line on standard output is a JSON object with the port. It ends when standard input ends.

import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const schema = buildSchema(`
  type Query {
    hello(name: String): String!
    wreck: String
  }
  type Subscription {
    countdown(from: Int!): Int!
  }
`);

async function* countdown({ from }) {
  for (let left = from; left >= 0; left--) {
    yield { countdown: left };
    // Whoever ends the subscription is heard between two of them.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const roots = {
  query: {
    hello: ({ name }) => `Hello, ${name ?? "world"}`,
    wreck: () => {
      throw new Error("on the rocks");
    },
  },
  subscription: { countdown },
};

const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0, path: "/graphql" });
useServer({ schema, roots }, sockets);
sockets.on("listening", () => {
  process.stdout.write(JSON.stringify({ ws: sockets.address().port }) + "\n");
});
process.stdin.on("end", () => process.exit()).resume();
