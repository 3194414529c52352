// A client of node's `ws` for serve.py: node serve_client.mjs URI. Prints what happens, a line each.

import { WebSocket } from "ws";

const socket = new WebSocket(process.argv[2], ["a", "b"]);
socket.on("open", () => {
  console.log(`open ${socket.protocol}`);
  socket.send("hello");
});
socket.on("message", (data, isBinary) => {
  if (!isBinary) {
    console.log(`text ${data}`);
    socket.send(Buffer.from([0, 1, 255]));
  } else {
    console.log(`binary ${data.toString("hex")}`);
    socket.close(4001, "bye");
  }
});
socket.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
socket.on("error", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
