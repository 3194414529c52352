// A peer made with node's `ws`: an echo server, and the client that talks to one.
//
//     node peer.mjs server [--tls CERTIFICATE KEY] [--compress MODE]
//     node peer.mjs client URI [--ca FILE] [--compress MODE] [--subprotocol NAME]...
//
// interop/README.md says what every peer does, and what it prints.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { on, once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { WebSocket, WebSocketServer } from "ws";

// In the server's order of preference.
const SUBPROTOCOLS = ["interop.v2", "interop.v1"];

// A threshold of 0 compresses everything: small and empty messages are where framing goes wrong.
const COMPRESSION = {
  none: false,
  shared: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  dedicated: { threshold: 0, serverMaxWindowBits: 12, clientMaxWindowBits: 12 },
  narrow: { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
};

const FRAGMENTS = ["in ", "three ", "pieces"];

const MESSAGES = [
  "",
  "hello",
  "Grüße, Привет, γειά, 你好, नमस्ते, مرحبا 👋🏽🚢",
  Buffer.alloc(0),
  Buffer.from(Array.from({ length: 256 }, (_, number) => number)),
  Buffer.from(Array.from({ length: 70_000 }, (_, number) => number % 251)),
  "abcdefghijklmnopqrstuvwxyz 01234".repeat(32_768),
  randomBytes(1 << 20),
];

const BURST = Array.from(
  { length: 200 },
  (_, number) => `{"id":${number},"kind":"reading","pier":"north","value":${number * number}}`,
);

function report(facts) {
  process.stdout.write(JSON.stringify(facts) + "\n");
}

function choose(offered, request) {
  const wrong = request.url.split("?")[0] === "/wrong";
  return wrong ? "never.offered" : (SUBPROTOCOLS.find((name) => offered.has(name)) ?? false);
}

function serve(options) {
  const deflate = COMPRESSION[options.compress];
  const [certificate, key] = options.tls;
  const server = certificate
    ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
    : http.createServer();
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: deflate,
    handleProtocols: choose,
  });
  // `ws` keeps no parameters of an extension for its users; the response that it is about to send has them.
  sockets.on("headers", (headers, request) => {
    const prefix = "Sec-WebSocket-Extensions: ";
    request.deflate = headers.find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? null;
  });
  sockets.on("connection", answer);
  server.listen(0, "127.0.0.1", () => report({ [certificate ? "wss" : "ws"]: server.address().port }));
  process.stdin.resume().on("end", () => process.exit(0));
}

function answer(socket, request) {
  const path = request.url;
  const counts = { messages: 0, bytes: 0 };
  report({ event: "open", path, subprotocol: socket.protocol || null, deflate: request.deflate });
  socket.on("message", (data, isBinary) => {
    counts.messages += 1;
    counts.bytes += data.length;
    if (path.split("?")[0] === "/close") {
      const [code, ...reason] = data.toString().split(" ");
      socket.close(Number(code), reason.join(" "));
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
  socket.on("error", (error) => report({ event: "error", path, text: error.message }));
  socket.on("close", (code, reason) => {
    report({ event: "close", path, ...counts, received: [code, reason.toString()] });
  });
}

async function converse(socket, counts) {
  const messages = on(socket, "message");
  const expect = async (message) => {
    const [data, isBinary] = (await messages.next()).value;
    assert.equal(isBinary, typeof message !== "string");
    assert(data.equals(Buffer.from(message)), `${data.length} bytes came back for ${message.length}`);
    counts.messages += 1;
    counts.bytes += data.length;
  };
  for (const message of MESSAGES) {
    socket.send(message);
    await expect(message);
  }
  FRAGMENTS.forEach((fragment, index) => {
    socket.send(fragment, { fin: index === FRAGMENTS.length - 1 });
    socket.ping(fragment);
  });
  await expect(FRAGMENTS.join(""));
  BURST.forEach((message) => socket.send(message));
  for (const message of BURST) {
    await expect(message);
  }
  socket.ping("are you there");
  for await (const [payload] of on(socket, "pong")) {
    if (payload.toString() === "are you there") {
      break;
    }
  }
  socket.close(4002, "done");
}

async function talk(options) {
  const socket = new WebSocket(options.uri, options.subprotocols, {
    perMessageDeflate: COMPRESSION[options.compress],
    ca: options.ca && readFileSync(options.ca),
  });
  const counts = { messages: 0, bytes: 0 };
  const upgraded = once(socket, "upgrade");
  const closed = once(socket, "close");
  await once(socket, "open");
  const [response] = await upgraded;
  if (new URL(options.uri).pathname === "/close") {
    socket.send("4001 fair winds ⚓");
  } else {
    await converse(socket, counts);
  }
  const [code, reason] = await closed;
  report({
    subprotocol: socket.protocol || null,
    deflate: response.headers["sec-websocket-extensions"] ?? null,
    ...counts,
    received: [code, reason.toString()],
  });
}

function parse([role, ...rest]) {
  const options = { role, compress: "none", tls: [], subprotocols: [] };
  const take = () => rest.shift();
  while (rest.length > 0) {
    const argument = take();
    if (argument === "--tls") options.tls = [take(), take()];
    else if (argument === "--compress") options.compress = take();
    else if (argument === "--ca") options.ca = take();
    else if (argument === "--subprotocol") options.subprotocols.push(take());
    else options.uri = argument;
  }
  return options;
}

const options = parse(process.argv.slice(2));
await { server: serve, client: talk }[options.role](options);
