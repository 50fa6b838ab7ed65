// undici, which knows nothing of Gemtap: `node ask_over_http.mjs URL` prints the answer.

import { EnvHttpProxyAgent, fetch } from "undici";

const answer = await fetch(process.argv[2], {
  method: "POST",
  headers: { "content-type": "application/json", "x-goog-api-key": "canary" },
  body: JSON.stringify({ contents: [{ parts: [{ text: "hello" }] }] }),
  dispatcher: new EnvHttpProxyAgent(),
});
console.log(await answer.text());
