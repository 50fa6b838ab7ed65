// Node's http2, which knows no proxy: `node ask_over_http2.mjs URL` opens the tunnel itself, and prints the answer.

import http from "node:http";
import http2 from "node:http2";
import tls from "node:tls";

const url = new URL(process.argv[2]);
const proxy = new URL(process.env.HTTPS_PROXY);
const connect = http.request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: `${url.hostname}:443` });
connect.on("connect", (_, socket) => {
  const session = http2.connect(url.origin, {
    createConnection: () => tls.connect({ socket, servername: url.hostname, ALPNProtocols: ["h2"] }),
  });
  const request = session.request({
    ":method": "POST",
    ":path": url.pathname + url.search,
    "content-type": "application/json",
    "x-goog-api-key": "canary",
  });
  request.setEncoding("utf8");
  let answer = "";
  request.on("data", (piece) => (answer += piece));
  request.on("end", () => console.log(answer));
  request.end(JSON.stringify({ contents: [{ parts: [{ text: "hello" }] }] }));
  request.on("response", () => session.close()); // says goodbye, and waits for the rest of the answer
});
connect.end();
