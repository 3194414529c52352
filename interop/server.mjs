// Servers made with node's `ws`, over ws:// and wss://, one behaviour for each path.
//
//     node server.mjs CERTIFICATE_FOLDER
//
// The first line on standard output is a JSON object with the ports; every later line is one event:
// what the server saw of the program under test. The servers end when standard input ends.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { WebSocketServer } from "ws";

const folder = process.argv[2];

function print(object) {
  process.stdout.write(JSON.stringify(object) + "\n");
}

function describe(data, isBinary) {
  const facts = {
    kind: isBinary ? "binary" : "text",
    size: data.length,
    sha256: createHash("sha256").update(data).digest("hex"),
  };
  return isBinary || data.length >= 1000 ? facts : { ...facts, text: data.toString() };
}

function echo(socket, report) {
  socket.on("message", (data, isBinary) => {
    report("message", describe(data, isBinary));
    socket.send(data, { binary: isBinary });
  });
}

const behaviours = {
  "/echo": echo,
  "/subprotocol": echo,
  "/close4001": (socket) => socket.once("message", () => socket.close(4001, "bye")),
  "/binary": (socket) => socket.send(Buffer.from([0x00, 0x01, 0xff])),
  "/fragments": (socket) => {
    socket.send("frag", { fin: false });
    socket.send("men", { fin: false });
    socket.send("ted", { fin: true });
  },
  "/ping": (socket, report) => {
    socket.once("pong", () => {
      report("pong");
      socket.send("thanks for the pong");
    });
    socket.ping("are you there");
  },
};

function handle(socket, request) {
  const report = (event, facts = {}) => print({ event, path: request.url, ...facts });
  report("open", { subprotocol: socket.protocol || null, host: request.headers.host });
  socket.on("close", (code, reason) => report("closed", { code, reason: reason.toString() }));
  socket.on("error", (error) => report("error", { text: error.message }));
  behaviours[request.url.split("?")[0]](socket, report);
}

async function listen(server) {
  // Everything is compressed when the program offers it, so that both ways of framing are met.
  const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
  sockets.on("connection", handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

const certificate = {
  cert: readFileSync(join(folder, "good.pem")),
  key: readFileSync(join(folder, "good.key")),
};
print({
  ws: await listen(http.createServer()),
  wss: await listen(https.createServer(certificate)),
});
process.stdin.resume().on("end", () => process.exit(0));
