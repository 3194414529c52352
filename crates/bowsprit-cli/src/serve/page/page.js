// The page of `bowsprit serve --ui`. Whatever comes from the network is set as text, never as markup.
"use strict";

const MAX_ENTRIES = 500;
const MAX_SHOWN = 4000;
const at = (id) => document.getElementById(id);
const base = location.origin.replace(/^http/, "ws");

// What a terminal or a reader could be fooled with is written out, as the program does.
const HIDDEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const visible = (text) => text.replace(HIDDEN, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
const shorten = (text) => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length})` : text);

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

function fromHex(text) {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error("pairs of hexadecimal digits are expected");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function log(kind, arrow, text) {
  const list = at("log");
  const entry = element("li", kind, "");
  const now = new Date();
  const time = `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, "0")}`;
  entry.append(element("time", "", time), element("span", "arrow", arrow), element("span", "body", shorten(visible(text))));
  list.prepend(entry);
  while (list.childElementCount > MAX_ENTRIES) list.lastElementChild.remove();
}

let socket = null;

function show(state, isOpen) {
  at("state").textContent = state;
  at("toggle").textContent = socket ? "Close" : "Connect";
  at("submit").disabled = !isOpen;
}

function open() {
  const subprotocols = at("subprotocols").value.split(",").map((name) => name.trim()).filter(Boolean);
  let opening;
  try {
    opening = new WebSocket(new URL(at("path").value || "/", `${base}/`), subprotocols);
  } catch (error) {
    return log("fault", "!", error.message);
  }
  socket = opening;
  opening.binaryType = "arraybuffer";
  opening.onopen = () => {
    const of = opening.protocol ? `, subprotocol ${opening.protocol}` : "";
    log("note", "·", `open ${opening.url}${of}`);
    show(`open${visible(of)}`, true);
  };
  opening.onmessage = ({ data }) => {
    if (typeof data === "string") log("received", "<<", data);
    else log("received", "<<", `[${data.byteLength}] ${toHex(new Uint8Array(data.slice(0, MAX_SHOWN / 3)))}`);
  };
  opening.onclose = ({ code, reason, wasClean }) => {
    const why = reason ? ` "${reason}"` : "";
    log(wasClean ? "note" : "fault", "·", `closed ${code}${why}`);
    if (socket === opening) socket = null;
    show("not connected", false);
  };
  show("connecting…", false);
}

at("connect").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket) socket.close(1000);
  else open();
});

at("send").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState !== WebSocket.OPEN) return;
  const text = at("message").value;
  try {
    const isText = at("kind").value === "text";
    const message = isText ? text : fromHex(text);
    socket.send(message);
    log("sent", ">>", isText ? text : `[${message.length}] ${toHex(message)}`);
  } catch (error) {
    log("fault", "!", error.message);
  }
});

at("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("send").requestSubmit();
  }
});

at("clear").addEventListener("click", () => at("log").replaceChildren());

// The connections of the server, and how much they say in a second.
let before = new Map();
let heard = 0;

const size = (bytes) => (bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

const age = (seconds) => (seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`);

function count(of, [messages, bytes]) {
  const made = element("td", "number count", `${messages} (${size(bytes)})`);
  made.dataset.of = of;
  return made;
}

function row(connection, elapsed) {
  const last = before.get(connection.id);
  const rate = (now, then) => (last && elapsed > 0 ? Math.max(0, (now - then) / elapsed).toFixed(0) : "–");
  const made = document.createElement("tr");
  made.dataset.id = connection.id;
  const { received, sent } = connection;
  made.append(
    element("td", "", connection.id),
    element("td", "path", visible(connection.path)),
    element("td", "age", age(connection.seconds)),
    element("td", "peer", visible(connection.peer)),
    element("td", "agent", visible(connection.agent)),
    count("received", received),
    element("td", "number rate", rate(received[0], last?.received[0])),
    count("sent", sent),
    element("td", "number rate", rate(sent[0], last?.sent[0])),
  );
  return made;
}

function watch() {
  const live = new WebSocket(`${base}/.bowsprit/live`);
  live.onmessage = ({ data }) => {
    const now = performance.now() / 1000;
    const numbers = JSON.parse(data);
    const rows = numbers.connections.map((connection) => row(connection, now - heard));
    at("rows").replaceChildren(...rows);
    at("summary").textContent = `${numbers.mode}: ${numbers.open} open, ${numbers.seen} in all`;
    const hidden = numbers.open - rows.length;
    at("more").textContent = hidden > 0 ? `and ${hidden} more` : numbers.open > 0 ? "" : "none is open";
    before = new Map(numbers.connections.map((connection) => [connection.id, connection]));
    heard = now;
  };
  live.onclose = () => {
    at("summary").textContent = "the server does not answer";
    setTimeout(watch, 2000);
  };
}

watch();
