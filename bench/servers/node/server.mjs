// node's `ws`.

import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";

const DEFLATE = {
  off: false,
  // By default it leaves messages under 1 KiB alone when it keeps no context.
  shared: { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
  takeover: true,
};

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string" },
        deflate: { type: "string", default: "off" },
        broadcast: { type: "boolean", default: false },
      },
    });
    if (!values.port || !(values.deflate in DEFLATE)) throw new Error("--port or --deflate is wrong");
    return values;
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

const options = parse();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(options.port),
  backlog: 4096,
  perMessageDeflate: DEFLATE[options.deflate],
});

function broadcast(data, isBinary) {
  for (const client of server.clients) {
    if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
  }
}

server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    if (options.broadcast) broadcast(data, isBinary);
    else socket.send(data, { binary: isBinary });
  });
});
server.on("listening", () => console.log("ready"));
